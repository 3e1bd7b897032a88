from __future__ import annotations

import sys
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.expressions.expression import Expression, compile_expression
from routing.expressions.syntax import MAX_EXPRESSION_CHARS, ExpressionProblem

FIELDS = frozenset(
    {"company", "total", "paid", "date", "tags", "tags[*]", "lines", "lines[*]", "lines[*].amount", "lines[*].taxes"}
    | {"lines[*].taxes[*]", "seller", "seller.name", "null"}
)
OUTPUT: dict[str, Any] = {
    "company": "ACME Sdn Bhd",
    "total": 10.05,
    "date": "2018-03-24",
    "paid": True,
    "tags": ["a", "b"],
    "lines": [{"amount": 10.0, "taxes": [1, 2]}, {"amount": 0, "taxes": None}],
    "seller": {"name": None},
}


def compiled(source: str) -> Expression:
    """Compile an expression that has no mistake."""
    expression = compile_expression(source, FIELDS)
    assert isinstance(expression, Expression)
    return expression


@pytest.mark.parametrize(
    "source",
    [
        "total >= 0",
        "total - sum(lines[*].amount) == 0.05",
        "lines == [] or abs(sum(lines[*].amount) - total) <= 0.05",
        "0 < total < 100",
        "total * 2 / 2 + 1 - 1 == 10.05",
        "1 / 4 == 0.25",
        "-total < +total",
        "not paid == false",
        "paid == true and seller.name == None",
        "len(company) == 12 and len(lines) == 2",
        "min(lines[*].amount) == 0 and max(1, 2, total) == 10.05",
        "round(total, 1) == 10.1 and round(2.5) == 3 and round(2.675, 2) == 2.68",
        'lower(company) == "acme sdn bhd" and upper(company) == "ACME SDN BHD"',
        'matches(company, "^ACME") and not matches(company, "^Sdn")',
        r'matches(date, "^\d{4}-\d{2}-\d{2}$")',
        r"""matches(company, '\bSdn\b') and company != "\bSdn" """,
        '"Sdn" in company and "a" in tags and "c" not in tags',
        "company in ['ACME Sdn Bhd', 'other']",
        'date > "2018-01-01"',
        "lines[0].amount == 10 and lines[ 1 ].amount == 0",
        "lines[ * ].amount == [10, 0]",
        '"[*]" != "[:]"',
        "lines[*].taxes[*] == [1, 2, null]",
        "lines[9].amount == null",
        "total\n >= 0",
    ],
)
def test_the_language_says_what_it_says(source: str) -> None:
    """Operators, functions, paths, constants and text do what their documentation says."""
    outcome = compiled(source).evaluate(OUTPUT)
    assert outcome.holds, outcome.problem


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("seller.name > 1", "`seller.name` is null or missing"),
        ("sum(lines[*].taxes) > 1", "`lines[*].taxes` is null or missing"),
        ("company > 1", "its operations do not fit the values' types"),
        ("company * 9 == company", "its operations do not fit the values' types"),
        ("company + company == company", "its operations do not fit the values' types"),
        ("paid + 1 == 2", "its operations do not fit the values' types"),
        ("total / 0 > 1", "its operations do not fit the values' types"),
        ("len(total) > 1", "its operations do not fit the values' types"),
        ("sum(company) > 1", "its operations do not fit the values' types"),
        ("abs(company) > 1", "its operations do not fit the values' types"),
        ("lower(total) == company", "its operations do not fit the values' types"),
        ("min(tags, total) == 1", "its operations do not fit the values' types"),
        ("max([]) == 1", "its operations do not fit the values' types"),
        ("round(total, 99) == 1", "its operations do not fit the values' types"),
        ("round(total, company) == 1", "its operations do not fit the values' types"),
        ("total in company", "its operations do not fit the values' types"),
        ("matches(total, 'a')", "its operations do not fit the values' types"),
        ("-paid == -1", "its operations do not fit the values' types"),
        ("-company == company", "its operations do not fit the values' types"),
        ("total", "it gives neither true nor false"),
        ("company and 1", "it gives neither true nor false"),
    ],
)
def test_what_cannot_be_evaluated_does_not_hold_and_says_why(source: str, problem: str) -> None:
    """Null, wrong types and results that are no answer are each told; none raises."""
    outcome = compiled(source).evaluate(OUTPUT)
    assert (outcome.holds, outcome.problem) == (False, problem)


def test_a_rule_that_does_not_hold_has_no_problem() -> None:
    """False is an answer."""
    outcome = compiled("total < 0").evaluate(OUTPUT)
    assert (outcome.holds, outcome.problem) == (False, "")


def test_a_field_may_be_called_like_a_constant() -> None:
    """The schema's names come first."""
    assert compiled("null == 5").evaluate({"null": 5}).holds


@pytest.mark.parametrize(
    ("source", "column", "message"),
    [
        ("", 1, "it is empty"),
        ("  ", 1, "it is empty"),
        ("totl > 1", 1, "did you mean `total`?"),
        ("  total > 1 and totl", 17, "did you mean `total`?"),
        ('"é" == company and totl', 20, "did you mean `total`?"),
        ("lines[*].amout == []", 1, "did you mean `lines[*].amount`?"),
        ("(total", 1, "it cannot be read"),
        ("total > ", 9, "it cannot be read"),
        ("total; total", 6, "it cannot be read"),
        ("1or 2", 1, "it cannot be read"),
        ("total ** 2 > 1", 1, "no operator Pow"),
        ("total // 2 > 1", 1, "no operator FloorDiv"),
        ("total % 2 > 1", 1, "no operator Mod"),
        ("total is None", 1, "no operator Is"),
        ("~total > 1", 1, "no operator Invert"),
        ("[x for x in lines] == []", 1, "no ListComp"),
        ("lambda: 1", 1, "no Lambda"),
        ("total if paid else 1", 1, "no IfExp"),
        ("{} == total", 1, "no Dict"),
        ("f'{total}' == company", 1, "no JoinedStr"),
        ("[*lines] == lines", 2, "no Starred"),
        ("(total := 5) == 5", 2, "no NamedExpr"),
        ("b'a' == company", 1, "no value of JSON"),
        ("... == company", 1, "no value of JSON"),
        ("1j == total", 1, "no value of JSON"),
        ("1e999 > total", 1, "too large a number"),
        ("99999999999999999999 > total", 1, "too large a number"),
        ("r'a' == company", 1, "one pair of quotes"),
        ("'a' 'b' == company", 1, "one pair of quotes"),
        ("company.upper() == company", 1, "no function is called ``"),
        ("__import__('os') == company", 1, "no function is called `__import__`"),
        ("abss(total) > 1", 1, "did you mean `abs`?"),
        ("zzz(total) > 1", 1, "there are abs, len"),
        ("abs == total", 1, "`abs` is a function"),
        ("abs(total, total) > 1", 1, "`abs` is called as abs(number)"),
        ("round(total, digits=1) > 1", 1, "`round` is called as"),
        ("matches(company, company)", 18, "text in quotes"),
        ("matches(company, '(')", 18, "not a pattern of RE2: missing )"),
        ("matches(company, '(?=a)')", 18, "not a pattern of RE2"),
        ("matches(company, r'a')", 18, "one pair of quotes"),
        ("lines[-1].amount == 1", 7, "by its number or by *"),
        ("lines[1:2] == []", 7, "by its number or by *"),
        ("lines[total] == []", 7, "by its number or by *"),
        ("lines[true].amount == 1", 7, "by its number or by *"),
        ("lines[True].amount == 1", 7, "by its number or by *"),
        ("(total + 1).real == 1", 2, "only a field has members"),
        ("total.__class__ == 1", 1, "no field `total.__class__`"),
        ("-" * 200 + "1 == total", 21, "nested too deeply"),
        ("(" * 999, 201, "it cannot be read"),
        ("total == 1 or " * 70 + "paid", 925, "too long"),
        ("x" * (MAX_EXPRESSION_CHARS + 1), MAX_EXPRESSION_CHARS, "longer than"),
        ("total == \ud800", 1, "a character or a nesting"),
        ("total == \0", 11, "it cannot be read"),
    ],
)
def test_a_mistake_is_told_with_its_column(source: str, column: int, message: str) -> None:
    """Everything outside of the language is refused when it is compiled, at its place."""
    problem = compile_expression(source, FIELDS)
    assert isinstance(problem, ExpressionProblem)
    assert message in problem.message
    assert problem.column == column


SOURCES = st.text(alphabet="total lines[*].amount()=<>+-*/'\"\\,0159 andornotinabs\n#:", max_size=60) | st.text()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["amount", "taxes"]), inner),
)


@given(source=SOURCES)
def test_compiling_never_raises(source: str) -> None:
    """Any text is an expression, or has a mistake within it."""
    compiled_or_not = compile_expression(source, FIELDS)
    if isinstance(compiled_or_not, ExpressionProblem):
        assert 1 <= compiled_or_not.column <= len(source) + 2


@given(
    source=st.sampled_from(
        ["lines == [] or abs(sum(lines[*].amount) - total) <= 0.05", "round(total, 2) * max(lines) / total in tags"]
    ),
    output=st.dictionaries(st.sampled_from(["lines", "total", "tags"]), VALUES),
)
def test_evaluating_never_raises(source: str, output: dict[str, Any]) -> None:
    """Whatever the model wrote, a rule holds or does not."""
    compiled(source).evaluate(output)


def test_threads_do_not_see_each_other_s_values() -> None:
    """One compiled expression serves many threads at once."""
    expression = compiled(" and ".join(["total == lines[0].amount"] * 20))
    wrong: list[int] = []

    def run(number: int) -> None:
        output = {"total": number, "lines": [{"amount": number}]}
        wrong.extend(number for _ in range(300) if not expression.evaluate(output).holds)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []
