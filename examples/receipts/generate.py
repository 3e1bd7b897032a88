"""Writes the documents of this example: invented receipts and invoices, with their labels. Seeded.

    python examples/receipts/generate.py [--to FOLDER]

Companies, streets and goods are made of word lists below; none is meant to exist. Noise is of the kind a scanner makes:
letters taken for digits and back, lost blanks, stray marks. Labels hold what a person would read.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from fpdf import FPDF

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 20261123
DOCUMENTS = 80
PDF_EVERY = 5
LONG_PDF_EVERY = 20
HARD_EVERY = 8
NOISE = 0.001
HARD_NOISE = 0.02
UNREADABLE = (39, 63)
HERE = Path(__file__).parent

_FIRST = (
    *("Amber", "Brindle", "Calder", "Dunmore", "Elmstead", "Fenwick", "Garnet"),
    *("Hollis", "Ivory", "Juniper", "Kestrel", "Larkspur", "Marlow", "Nettle"),
)
_TRADE = ("Hardware", "Stationery", "Bakery", "Cafe", "Pharmacy", "Supplies", "Mart", "Kitchen", "Motor Service")
_GOODS = (
    *("A4 paper", "Ball pen blue", "Masking tape", "Black coffee", "Nasi lemak", "Soap bar", "Light bulb 9W"),
    *("Battery AA", "Notebook", "Green tea", "Chicken rice", "Paint brush 2in", "Extension cord", "Cough syrup"),
    *("Brake fluid", "Bread loaf", "Mineral water", "Envelope C5", "Screw M4"),
)


@dataclass(frozen=True, slots=True)
class Country:
    """How receipts look in one place."""

    currency: str
    legal_forms: tuple[str, ...]
    date_formats: tuple[str, ...]
    tax: str
    tax_percent: int
    address: Callable[[random.Random], list[str]]


@dataclass(slots=True)
class Receipt:
    """One receipt: what a person would read from it, and its lines."""

    company: str
    address: list[str]
    issued: str
    total_cents: int
    lines: list[str] = field(default_factory=list)

    def expected(self) -> dict[str, object]:
        """Return the labels."""
        return {
            "company": self.company,
            "date": self.issued,
            "address": " ".join(self.address),
            "total": self.total_cents / 100,
        }


def _malaysian(chance: random.Random) -> list[str]:
    street = chance.choice(["Jalan Kenari", "Jalan Cempaka", "Lorong Meranti", "Jalan Seri Puteri"])
    estate = chance.choice(["Taman Rimba", "Taman Bayu", "Bandar Kayangan", "Kawasan Perindustrian Lestari"])
    town = chance.choice(["Kota Sentosa, Selangor", "Pekan Mutiara, Johor", "Bukit Angsana, Perak"])
    number = chance.randint(2, 180)
    return [f"No. {number}, {street} {chance.randint(1, 12)},", f"{estate},", f"{chance.randint(40000, 89999)} {town}"]


def _british(chance: random.Random) -> list[str]:
    street = chance.choice(["Mill Lane", "Orchard Road", "Station Road", "Castle Street"])
    town = chance.choice(["Netherby", "Ashcombe", "Little Wharton"])
    area, district = (
        f"{chance.choice('ABDGLM')}{chance.randint(1, 20)}",
        f"{chance.randint(1, 9)}{chance.choice('AB')}D",
    )
    return [f"{chance.randint(1, 90)} {street}", f"{town} {area} {district}"]


def _american(chance: random.Random) -> list[str]:
    street = chance.choice(["Cedar Avenue", "Lakeview Drive", "Union Street", "Prairie Road"])
    town = chance.choice(["Fairmont Springs, OR", "Clearwater Bend, OH", "Maple Hollow, VT"])
    return [
        f"{chance.randint(100, 9900)} {street}, Suite {chance.randint(1, 40)}",
        f"{town} {chance.randint(10000, 99000)}",
    ]


def _german(chance: random.Random) -> list[str]:
    street = chance.choice(["Lindenstrasse", "Bahnhofstrasse", "Am Markt Platz"])
    return [
        f"{street} {chance.randint(1, 120)}",
        f"{chance.randint(10000, 99000)} {chance.choice(['Neudorf', 'Altenfels'])}",
    ]


COUNTRIES = (
    Country("RM", ("Sdn Bhd", "Enterprise", "Trading"), ("%d/%m/%Y", "%d-%m-%Y", "%d %b %Y"), "GST", 6, _malaysian),
    Country("GBP", ("Ltd", "Limited", "PLC"), ("%d/%m/%Y", "%d %B %Y", "%d.%m.%y"), "VAT", 20, _british),
    Country("USD", ("Inc.", "LLC", "Corp."), ("%m/%d/%Y", "%b %d, %Y", "%Y-%m-%d"), "TAX", 8, _american),
    Country("EUR", ("GmbH", "B.V."), ("%d.%m.%Y", "%Y-%m-%d"), "VAT", 19, _german),
)


def main() -> None:
    """Write documents and labels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=HERE, help="the folder to write into (default: beside this file)")
    generate(parser.parse_args().to)


def generate(folder: Path) -> None:
    """Write `documents/` and `labels.jsonl` into a folder. The same seed writes the same bytes."""
    documents = folder / "documents"
    documents.mkdir(parents=True, exist_ok=True)
    labels = [_write_document(documents, number) for number in range(1, DOCUMENTS + 1)]
    (folder / "labels.jsonl").write_text("\n".join(labels) + "\n", encoding="utf-8")


def _write_document(documents: Path, number: int) -> str:
    """Write one document and return its row of labels."""
    chance = random.Random(f"{SEED}-{number}")
    receipt = _receipt(chance, number)
    lines = [_scanned(line, chance, NOISE if number % HARD_EVERY else HARD_NOISE) for line in receipt.lines]
    if number in UNREADABLE:
        lines = [line for line in lines if not any(word in line.lower() for word in ("total", "cash", "change"))]
    name = f"receipt-{number:03d}{'.txt' if number % PDF_EVERY else '.pdf'}"
    if number % PDF_EVERY:
        (documents / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        _write_pdf(documents / name, lines, pages=1 if number % LONG_PDF_EVERY else 2)
    return json.dumps({"custom_id": name, "expected": receipt.expected()}, ensure_ascii=False)


def _receipt(chance: random.Random, number: int) -> Receipt:
    country = chance.choices(COUNTRIES, weights=(4, 2, 2, 1))[0]
    name = f"{chance.choice(_FIRST)} {chance.choice(_TRADE)} {chance.choice(country.legal_forms)}"
    day = date(2024, 1, 1) + timedelta(days=chance.randrange(900))
    receipt = Receipt(
        company=name.upper() if chance.random() < 0.6 else name,
        address=country.address(chance),
        issued=day.strftime(chance.choice(country.date_formats)),
        total_cents=0,
    )
    layout = (_till_slip, _tax_invoice, _tall_invoice)[number % 3]
    layout(receipt, country, chance)
    return receipt


def _bought(chance: random.Random) -> list[tuple[str, int, int]]:
    return [
        (chance.choice(_GOODS), chance.randint(1, 5), chance.randrange(90, 4900, 5))
        for _ in range(chance.randint(1, 9))
    ]


def _money(cents: int) -> str:
    return f"{cents // 100:,}.{cents % 100:02d}" if cents >= 0 else f"-{_money(-cents)}"


def _till_slip(receipt: Receipt, country: Country, chance: random.Random) -> None:
    """Write a till's slip: prices with tax inside, cash and change."""
    lines = receipt.lines
    lines += [receipt.company]
    if chance.random() < 0.5:
        lines.append(f"({chance.randint(100000, 999999)}-{chance.choice('ADHKTX')})")
    lines += receipt.address
    lines += [f"TEL: 0{chance.randint(10, 99)}-{chance.randint(1000000, 9999999)}", "RECEIPT"]
    lines.append(
        f"{receipt.issued}   {chance.randint(8, 21):02d}:{chance.randint(0, 59):02d}   NO {chance.randint(1000, 99999)}"
    )
    goods = _bought(chance)
    lines += [f"{name}   {count} x {_money(price)}   {_money(count * price)}" for name, count, price in goods]
    exact = sum(count * price for _, count, price in goods)
    receipt.total_cents = 5 * round(exact / 5)
    lines.append(f"TOTAL   {country.currency} {_money(receipt.total_cents)}")
    paid = -(-receipt.total_cents // 1000) * 1000
    lines += [f"CASH   {_money(paid)}", f"CHANGE   {_money(paid - receipt.total_cents)}"]
    lines += ["THANK YOU, PLEASE COME AGAIN", "GOODS SOLD ARE NOT RETURNABLE"]


def _tax_invoice(receipt: Receipt, country: Country, chance: random.Random) -> None:
    """Write an invoice with tax added, rounding, and a summary of tax that names totals of its own."""
    lines = receipt.lines
    lines += [receipt.company, *receipt.address]
    lines += [f"{country.tax} ID: {chance.randint(10**9, 10**10)}", "TAX INVOICE"]
    lines += [
        f"DOC NO: CS{chance.randint(10000, 99999)}   DATE: {receipt.issued}",
        f"CASHIER: {chance.choice('ABC')}01",
    ]
    lines.append("ITEM   QTY   PRICE   AMOUNT")
    goods = _bought(chance)
    lines += [f"{name}   {count}   {_money(price)}   {_money(count * price)}" for name, count, price in goods]
    net = sum(count * price for _, count, price in goods)
    tax = round(net * country.tax_percent / 100)
    receipt.total_cents = 5 * round((net + tax) / 5)
    rounding = receipt.total_cents - net - tax
    lines += [f"SUB TOTAL   {_money(net)}", f"{country.tax} {country.tax_percent}%   {_money(tax)}"]
    lines += [f"TOTAL BEFORE ROUNDING   {_money(net + tax)}", f"ROUNDING   {_money(rounding)}"]
    lines.append(f"TOTAL ({country.currency})   {_money(receipt.total_cents)}")
    lines += [f"VISA   {_money(receipt.total_cents)}", f"{country.tax} SUMMARY   AMOUNT   TAX"]
    lines += [f"{country.tax_percent}%   {_money(net)}   {_money(tax)}", f"TOTAL   {_money(net)}   {_money(tax)}"]


def _tall_invoice(receipt: Receipt, country: Country, chance: random.Random) -> None:
    """Write an invoice with the customer's address and a due date, and amounts below their headings."""
    lines = receipt.lines
    lines += ["INVOICE", receipt.company, *receipt.address, f"Email: accounts@{chance.choice(_FIRST).lower()}.example"]
    due = (datetime(2026, 12, 1, tzinfo=UTC) + timedelta(days=chance.randrange(90))).strftime("%d/%m/%Y")
    lines += [f"Invoice date: {receipt.issued}", f"Due date: {due}", "Bill to:"]
    lines += [f"{chance.choice(_FIRST)} Household", *country.address(chance)]
    lines.append("Description   Qty   Amount")
    goods = _bought(chance)
    lines += [f"{name}   {count}   {_money(count * price)}" for name, count, price in goods]
    net = sum(count * price for _, count, price in goods)
    tax = round(net * country.tax_percent / 100)
    receipt.total_cents = net + tax
    lines += [f"Subtotal   {_money(net)}", f"{country.tax} ({country.tax_percent}%)   {_money(tax)}"]
    if chance.random() < 0.4:
        lines += ["Total due", f"{country.currency} {_money(receipt.total_cents)}"]
    else:
        lines.append(f"Total due   {country.currency} {_money(receipt.total_cents)}")
    lines += ["Please pay within 30 days.", "Thank you for your business"]


_MISREAD = {"O": "0", "0": "O", "l": "1", "I": "1", "S": "5", "B": "8", "e": "c", "a": "o", " ": ""}


def _scanned(line: str, chance: random.Random, rate: float) -> str:
    """Return a line as a scanner may read it: each letter is misread at this rate, amounts mostly spared."""
    read = [
        _MISREAD.get(letter, letter) if chance.random() < rate and not letter.isdigit() else letter for letter in line
    ]
    return "".join(read)


def _write_pdf(path: Path, lines: list[str], pages: int) -> None:
    pdf = FPDF()
    pdf.set_creation_date(datetime(2026, 1, 1, tzinfo=UTC))
    pdf.set_font("Courier", size=10)
    half = -(-len(lines) // pages)
    for page in range(pages):
        pdf.add_page()
        for line in lines[page * half : (page + 1) * half]:
            pdf.cell(0, 5, line, new_x="LMARGIN", new_y="NEXT")
    pdf.output(str(path))


if __name__ == "__main__":
    main()
