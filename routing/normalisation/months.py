"""Names of months as documents write them, in the Latin languages met most often on them."""

from __future__ import annotations

# English, German, French, Spanish, Italian, Portuguese, Dutch, Malay and Indonesian, without accents.
_NAMES = (
    "january jan januar janner janvier janv enero ene gennaio gen janeiro januari",
    "february feb februar fevrier fevr fev febrero febbraio fevereiro februari",
    "march mar marz mrz mars marzo marco maart mrt mac maret",
    "april apr avril avr abril abr aprile",
    "may mai mayo maggio mag maio mei",
    "june jun juni juin junio giugno giu junho",
    "july jul juli juillet juil julio luglio lug julho julai",
    "august aug aout agosto ago augustus ogos ogo agustus agu",
    "september sep sept septembre septiembre settembre set setembro",
    "october oct oktober okt octobre octubre ottobre ott outubro out",
    "november nov novembre noviembre novembro nopember",
    "december dec dezember dez decembre diciembre dic dicembre dezembro disember dis desember des",
)

MONTHS = {name: number for number, names in enumerate(_NAMES, start=1) for name in names.split()}
