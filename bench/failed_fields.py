"""Asking the expensive tier for failed fields only, against asking it for everything: tokens, cost and accuracy.

Runs the same documents both ways through the whole pipeline (queues, workers, ledger): 300 generated invoices whose
checks catch every misreading, and receipts, whose checks do not: the example's, or the labelled inputs named as
arguments. The engines are programs, no language models: the figures tell what the mechanism does with these answers,
and nothing of any model.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from invoice_engines import FIELDS

EXAMPLE = Path(__file__).parents[1] / "examples" / "receipts"
LAST_TIER = "system: expensive.md}"
INVOICES = 300
SEED = 20261124
WORDS = [
    "goods",
    "delivered",
    "services",
    "rendered",
    "consulting",
    "licence",
    "freight",
    "packing",
    "hours",
    "travel",
    "support",
    "spare",
    "parts",
]
TASK = """
task: invoices
schema: invoice.json
prompt: {{system: "Extract the invoice's fields as they are written.", user: "{{{{ text }}}}"}}
checks: {{grounded: [{fields}]}}
tiers:
  - {{name: cheap, model: small}}
  - {{name: expensive, model: large, ask: {ask}}}
"""
DEPLOYMENT = """
servers: {invoices: {engines: invoice_engines.py}}
models:
  small: {provider: openai, server: invoices, model: cheap, price: {input: 0.15, output: 0.6}}
  large: {provider: openai, server: invoices, model: expensive, price: {input: 2.5, output: 10}}
"""


def invoices(folder: Path) -> Path:
    """Write generated invoices with their labels, and return the file."""
    draw = random.Random(SEED)
    rows = []
    for number in range(INVOICES):
        values = {field: f"{field[:3].upper()}-{draw.randrange(10**8):08d}" for field in FIELDS}
        lines = [f"{field}: {value}" for field, value in values.items()]
        lines += [" ".join(draw.choices(WORDS, k=12)) for _ in range(8)]
        draw.shuffle(lines)
        rows.append({"custom_id": f"invoice-{number}", "text": "\n".join(lines), "expected": values})
    file = folder / "invoices.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def invoice_task(ask: str, folder: Path) -> None:
    """Write the invoices' task folder."""
    folder.mkdir()
    properties = {field: {"type": "string"} for field in FIELDS}
    schema = {"type": "object", "properties": properties, "required": list(FIELDS), "additionalProperties": False}
    (folder / "invoice.json").write_text(json.dumps(schema), encoding="utf-8")
    (folder / "task.yaml").write_text(TASK.format(fields=", ".join(FIELDS), ask=ask), encoding="utf-8")
    (folder / "cheapfirst.yaml").write_text(DEPLOYMENT, encoding="utf-8")
    shutil.copy(Path(__file__).with_name("invoice_engines.py"), folder)


def receipt_task(ask: str, folder: Path) -> None:
    """Copy the example, with its last tier asked this way."""
    shutil.copytree(EXAMPLE, folder)
    file = folder / "task.yaml"
    text = file.read_text(encoding="utf-8")
    if LAST_TIER not in text:
        sys.exit("examples/receipts/task.yaml has no tier to change any more")
    file.write_text(text.replace(LAST_TIER, f"{LAST_TIER[:-1]}, ask: {ask}}}"), encoding="utf-8")


def run(task: Path, inputs: list[str]) -> dict[str, Any]:
    """Run documents through a task, and return the report."""
    command = [str(Path(sys.executable).parent / "cheapfirst"), "run", str(task), *inputs, "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=task.parent)
    if done.returncode not in {0, 1}:  # 1: some receipts fail on the last tier as well
        sys.exit(done.stderr)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def main() -> None:
    """Print each pair of runs side by side."""
    own = [str(EXAMPLE / "documents"), "--labels", str(EXAMPLE / "labels.jsonl")]
    receipts = [str(Path(name).resolve()) for name in sys.argv[1:]] or own
    print("| documents | asked | expensive calls | tokens in | tokens out | cost of the tier | done | fields right |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, write, inputs in (
            ("invoices", invoice_task, [str(invoices(folder))]),
            ("receipts", receipt_task, receipts),
        ):
            for ask in ("whole", "failed_fields"):
                write(ask, folder / f"{name}-{ask}")
                report = run(folder / f"{name}-{ask}", inputs)
                tier, items = report["tiers"]["expensive"], report["items"]
                print(
                    f"| {name} | `{ask}` | {tier['attempts']} | {tier['input_tokens']} | {tier['output_tokens']}"
                    f" | ${tier['cost_usd']:.4f} | {items['done']} of {items['total']}"
                    f" | {report['accuracy']['macro']:.1%} |"
                )


if __name__ == "__main__":
    main()
