"""Which words and signs before or after a number are a currency: ISO 4217 codes, and what tills print instead."""

from __future__ import annotations

import unicodedata

_ISO_4217 = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR
IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR
MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD
SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF
XPF YER ZAR ZMW ZWG
"""
_PRINTED = "RM RMB Rs Rp kr kr. Kc zl Ft Fr SFr lei Tk Bs Php Nu DM"
_BESIDE_A_SIGN = "US A AU C CA HK NT NZ S R Z J"  # US$, S$, R$: a country only where the sign stands beside it

_WORDS = frozenset(f"{_ISO_4217} {_PRINTED}".casefold().split())
_COUNTRIES = frozenset(_BESIDE_A_SIGN.casefold().split())


def is_currency(text: str) -> bool:
    """Whether `text` is a currency's code, abbreviation or sign, in any case, with or without a full stop."""
    bare = _without_signs(text)
    words = bare.strip(" .").casefold()
    has_sign = len(bare) < len(text)
    return words in _WORDS or (has_sign and (not words or words in _COUNTRIES))


def _without_signs(text: str) -> str:
    if text.isascii():
        return text.replace("$", "")
    return "".join(character for character in text if unicodedata.category(character) != "Sc")
