"""Words by which the parts of receipts and invoices are known. Trade words and forms only, no names."""

from __future__ import annotations

import re

LEGAL_FORM = re.compile(
    r"\b(?:sdn\.? ?,?bh?d\.?|s/b|bhd\.?|berhad|ltd\.?|limited|pte\.?|plc|llc|inc\.?|corp(?:oration)?\.?|gmbh"
    r"|s\.?a\.?r?l\.?|b\.?v\.?|co\.|company|enterprise|enterprises|trading|holdings?|industries|group|plt)(?!\w)",
    re.IGNORECASE,
)
TRADE = re.compile(
    r"\b(?:restaurant|restoran|cafe|bistro|kitchen|bakery|mart|market|supermarket|store|stores|shop|stationery|hardware|"
    r"book|books|pharmacy|clinic|hotel|motor|auto|service|services|centre|center|corner|kedai|perniagaan|syarikat|pasar|"
    r"electrical|electronics|marketing|food|foods|catering|grill|house|garden|optical|station|workshop|supply|supplies)\b",
    re.IGNORECASE,
)
REGISTRATION = re.compile(
    r"^\W*(?:(?:co(?:mpany)?\.?|business|roc|reg(?:istration)?\.?|brn|ssm)[\w .:/#()]{0,24}?)?\W{0,3}"
    r"[a-z]{0,3}\d{5,14} ?(?:[-/ ]? ?[a-z0-9]{1,3})?\W*$",
    re.IGNORECASE,
)
TRAILING_REGISTRATION = re.compile(
    r"\s*(?:\((?=[^)]*\d{4})[^()]{0,40}\)?|\b(?:co|company|reg)\.? ?(?:no|reg)\b.*|\b\d{5,12} ?- ?[a-z]\b.*)\s*$",
    re.IGNORECASE,
)
CONTACT = re.compile(
    r"\b(?:tel|telephone|phone|fax|h/?p|hotline|mobile|e-?mail|website|www\.|http)|@\w|\.com\b"
    r"|^\W*(?:\+?\d[\d -]{7,14}\d)\W*$",
    re.IGNORECASE,
)
TAX_NUMBER = re.compile(
    r"\b(?:gst|sst|vat|tax|tin)\b[\w ./]{0,14}[:#]|\b(?:gst|sst|vat) ?(?:id|no|reg)\b", re.IGNORECASE
)
DOCUMENT_HEADING = re.compile(
    r"\b(?:tax invoice|invoice|receipt|cash ?bill|cash sales?|bill|order|table|cashier|counter|doc(?:ument)? ?(?:no|#)|"
    r"date|time|pos|member|description|item|qty|served|salesperson|customer|pax|slip|sales person|"
    r"shopping hours|bill to)\b",
    re.IGNORECASE,
)
STREET = re.compile(
    r"\b(?:jalan|jln|jl|lorong|lrg|persiaran|lebuh|lebuhraya|taman|tmn|tman|lot|no\.?|bandar|kawasan|kampung|kg|pusat|"
    r"wisma|menara|plaza|bangunan|blok|block|unit|level|floor|flr|mall|complex|kompleks|street|st\.|road|rd\.?|avenue|"
    r"ave|lane|drive|square|suite|building|industrial|strasse|straße|rue|platz|batu|seksyen|section|ss ?\d+|pju ?\d*|"
    r"usj ?\d*|"
    r"g-?floor|ground|tower|highway|way|court|quay|close|crescent|box)\b",
    re.IGNORECASE,
)
POSTCODE = re.compile(r"(?<![\d-])\d{5}(?![\d-])|\b[A-Z]{1,2}\d{1,2}[A-Z]? \d[A-Z]{2}\b")
