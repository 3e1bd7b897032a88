"""The head of a receipt: who issued it, and where they are."""

from __future__ import annotations

from dataclasses import dataclass

from receipt_extractors.dates import dates
from receipt_extractors.vocabulary import (
    CONTACT,
    DOCUMENT_HEADING,
    LEGAL_FORM,
    POSTCODE,
    REGISTRATION,
    STREET,
    TAX_NUMBER,
    TRADE,
    TRAILING_REGISTRATION,
)

HEAD_LINES = 16
LONGEST_ADDRESS_LINES = 6


@dataclass(frozen=True, slots=True)
class Header:
    """Who and where, as written; None where nothing was found."""

    company: str | None
    address: str | None


def read_header(lines: list[str]) -> Header:
    """Read the company and the address from the first lines."""
    head = lines[:HEAD_LINES]
    at = _company_at(head)
    if at is None:
        return Header(None, None)
    company, behind = _company(head, at)
    return Header(company or None, _address(head[behind:]))


def _company_at(head: list[str]) -> int | None:
    """Return the line that most looks like a company's name; early lines and legal forms speak for one."""
    best, best_score = None, 0.0
    for index, line in enumerate(head[:8]):
        if _is_other(line):
            continue
        score = 6.0 - index
        if LEGAL_FORM.search(line):
            score += 5.0
        elif TRADE.search(line):
            score += 2.5
        if STREET.search(line) and any(letter.isdigit() for letter in line):
            score -= 6.0
        if POSTCODE.search(line):
            score -= 4.0
        if sum(letter.isalpha() for letter in line) < 3:
            score -= 8.0
        if score > best_score:
            best, best_score = index, score
    return best


def _is_other(line: str) -> bool:
    return bool(
        REGISTRATION.match(line)
        or TAX_NUMBER.search(line)
        or CONTACT.search(line)
        or dates(line)
        or (DOCUMENT_HEADING.search(line) and not LEGAL_FORM.search(line) and not TRADE.search(line))
    )


def _company(head: list[str], at: int) -> tuple[str, int]:
    """Return the name, joined with the line behind it where the name goes on there, and the line after it."""
    name = TRAILING_REGISTRATION.sub("", head[at]).strip(" ,:*-")
    behind = at + 1
    goes_on = behind < len(head) and not LEGAL_FORM.search(name) and _is_legal_end(head[behind])
    if goes_on:
        name = f"{name} {TRAILING_REGISTRATION.sub('', head[behind]).strip()}"
        behind += 1
    return name, behind


def _is_legal_end(line: str) -> bool:
    return bool(LEGAL_FORM.search(line)) and not any(letter.isdigit() for letter in line) and len(line) < 40


def _address(lines: list[str]) -> str | None:
    parts: list[str] = []
    for line in lines:
        if REGISTRATION.match(line) or (line.startswith("(") and not STREET.search(line) and not parts):
            continue
        if _ends_address(line, parts):
            if parts:
                break
            continue
        parts.append(line)
        if len(parts) == LONGEST_ADDRESS_LINES:
            break
    parts = _trimmed(parts)
    return " ".join(parts) if parts else None


def _ends_address(line: str, parts: list[str]) -> bool:
    if CONTACT.search(line) or TAX_NUMBER.search(line) or dates(line):
        return True
    looks_like_place = bool(STREET.search(line) or POSTCODE.search(line))
    if DOCUMENT_HEADING.search(line) and not looks_like_place:
        return True
    if not parts:
        return not looks_like_place and not any(letter.isdigit() for letter in line)
    # Behind the postcode at most a short line of words follows: a town or a state.
    behind_postcode = any(POSTCODE.search(part) for part in parts)
    words_only = not any(letter.isdigit() for letter in line) and len(line.split()) <= 4
    return behind_postcode and not words_only


def _trimmed(parts: list[str]) -> list[str]:
    """Drop what follows the last line that names a place, a postcode or goes on from one."""
    while parts and not (STREET.search(parts[-1]) or POSTCODE.search(parts[-1])):
        if len(parts) > 1 and (POSTCODE.search(parts[-2]) or parts[-2].endswith(",")) and parts[-1].isupper():
            break
        parts.pop()
    return parts
