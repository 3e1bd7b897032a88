"""The task of the job with canaries: its files, its documents, what models answer, and a database that quotes rows."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.canaries import Canaries
from tests.support.documents import write_lines

CASES = (
    *("plain", "plain", "differs", "wrong", "hopeless", "raises", "injected"),
    *("bad_request", "long", "limited", "trouble", "storm", "moved", "page", "cut"),
)
REFUSED_BY_LEDGER = "refused plain by the ledger"

_SCHEMA = """
from pydantic import BaseModel, field_validator

class Receipt(BaseModel):
    number: str
    total: float

    @field_validator("number")
    @classmethod
    def known(cls, number):
        if number.endswith("raises"):
            raise {number: number}[number + number]
        return number
"""
_TASK = """
task: canaries
schema: schema.py:Receipt
prompt: {{system: "Extract. {prompt}", user: "{{{{ metadata.shop }}}}: {{{{ text }}}}"}}
checks: {{grounded: [number], rules: ["total > 0"]}}
tiers:
  - {{name: cheap, model: small, repair: 1}}
  - {{name: expensive, model: large, ask: failed_fields}}
rollout: {{holdout: 100}}
compare: {{number: exact}}
"""
_DEPLOYMENT = """
models:
  small: {{provider: openai, model: small, base_url: "{url}/v1", api_key: env:SMALL_KEY, price: {price}}}
  large: {{provider: anthropic, model: large, base_url: "{url}/v1", api_key: env:LARGE_KEY, price: {price}}}
queues: {{cheap: {{concurrency: 4, chunk: 1}}, expensive: {{concurrency: 4, chunk: 1}}}}
workers: {{lease_s: 1}}
"""
QUOTE_THE_DOCUMENT = """
CREATE FUNCTION quote_the_document() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.custom_id = 'refused plain by the ledger' AND NEW.lease_token IS NOT NULL THEN
    RAISE EXCEPTION 'no: %', (SELECT text FROM documents WHERE job_id = NEW.job_id AND position = NEW.position);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER quote_the_document BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION quote_the_document()
"""


def write_files(folder: Path, canaries: Canaries, base_url: str) -> list[str]:
    """Write the deployment, the task and its documents, and return the documents' ids."""
    words = canaries.all
    (folder / "cheapfirst.yaml").write_text(_DEPLOYMENT.format(url=base_url, price="{input: 1, output: 1}"))
    (folder / "task").mkdir()
    (folder / "task/schema.py").write_text(_SCHEMA)
    (folder / "task/task.yaml").write_text(_TASK.format(prompt=words["prompt"]))
    ids = [f"{number} {case} {words['id']} <script>" for number, case in enumerate(CASES)]
    _write_documents(folder / "documents.jsonl", words, [*ids, REFUSED_BY_LEDGER])
    _write_documents(folder / "key.jsonl", words, [f"0 key {words['id']}"])
    _write_documents(folder / "fault.jsonl", words, [f"0 fault {words['id']}"])
    return ids


def _write_documents(file: Path, words: dict[str, str], custom_ids: list[str]) -> None:
    rows = [
        {
            "custom_id": custom_id,
            "text": f"case {custom_id.split()[1]} {words['text']} "
            f"No. {words['right value']} raises No. {words['another value']}",
            "metadata": {"shop": words["metadata"]},
            "expected": {"number": words["label"]},
        }
        for custom_id in custom_ids
    ]
    write_lines(file, *rows)


def answers(canaries: Canaries) -> dict[str, str]:
    """Return what models answer, by case, or by model and case."""

    def number(value: str, total: int = 1) -> str:
        return json.dumps({"number": value, "total": total})

    right, wrong = canaries.of_answers["right value"], canaries.of_answers["wrong value"]
    return {
        "": number(right),
        "small differs": number(canaries.of_answers["another value"]),
        "small wrong": number(wrong),
        "hopeless": number(wrong),
        "raises": number(f"{right} raises"),
        "small injected": f'{{"number": "{wrong}", "total": 1, "api_key": "{wrong}", "tier": "{wrong}"}}',
    }
