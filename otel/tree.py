"""Draws a trace as a tree of text lines: names, durations, tokens, dollars, failures.

Everything drawn comes from outside: control characters are shown as marks, so that a name can neither move the
cursor nor colour the terminal.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from otel.store.queries import LogRow, SpanRow, declared_cost

LONGEST_NAME = 80
LONGEST_LINE = 120
SEVERITIES = ("trace", "debug", "info", "warning", "error", "fatal")

Node: TypeAlias = SpanRow | LogRow


def clean(text: str, longest: int = 10_000) -> str:
    """`text` safe for a terminal: control, bidirectional and other unprintable characters become "�"."""
    short = text if len(text) <= longest else text[: longest - 1] + "…"
    return "".join(character if character.isprintable() else "�" for character in short)


def draw(spans: Sequence[SpanRow], *, logs: Sequence[LogRow] = (), roots_only: bool = False) -> Iterator[str]:
    """Lines of the tree of one or more traces, log records below their span. A span whose parent is not among
    `spans` is a root, marked when it should have had one."""
    below = _below(spans, logs)
    waiting = [(node, "", "") for node in reversed(below[""])]
    while waiting:  # a stack of our own: a trace may be deeper than Python's
        node, branch, indent = waiting.pop()
        orphan = not branch and isinstance(node, SpanRow) and node.parent_span_id
        yield branch + describe(node) + ("  (parent missing)" if orphan else "")
        if isinstance(node, SpanRow) and not roots_only:
            waiting.extend(reversed(list(_branches(below[node.span_id], indent))))


def _below(spans: Sequence[SpanRow], logs: Sequence[LogRow]) -> dict[str, list[Node]]:
    """What stands below each span, and below none (""), in order of time."""
    known = {span.span_id for span in spans}
    below: dict[str, list[Node]] = defaultdict(list)
    for span in spans:
        below[span.parent_span_id if span.parent_span_id in known else ""].append(span)
    for log in logs:
        below[log.span_id if log.span_id in known else ""].append(log)
    for nodes in below.values():
        nodes.sort(key=lambda node: node.start_ns if isinstance(node, SpanRow) else node.time_ns)
    return below


def _branches(nodes: Sequence[Node], indent: str) -> Iterator[tuple[Node, str, str]]:
    for number, node in enumerate(nodes, start=1):
        last = number == len(nodes)
        yield node, f"{indent}{'└─ ' if last else '├─ '}", indent + ("   " if last else "│  ")


def describe(node: Node) -> str:
    """One span or log record in one line."""
    return _describe_log(node) if isinstance(node, LogRow) else _describe_span(node)


def _describe_span(span: SpanRow) -> str:
    parts = [clean(span.name, LONGEST_NAME), duration(span.seconds), *_usage(span.attributes)]
    if span.running:
        parts.append("… running")
    if span.failed:
        parts.append(f"✗ {clean(span.message, 60)}".rstrip())
    return "  ".join(parts)


def _describe_log(log: LogRow) -> str:
    if log.event_name:
        return clean(f"◆ {log.event_name}  {log.body}".rstrip(), LONGEST_LINE)
    return clean(f"· {severity(log.severity)}  {log.logger}: {log.body}", LONGEST_LINE)


def severity(number: int) -> str:
    """The word for OpenTelemetry's severity number, which has four steps to each word; "" for none."""
    return SEVERITIES[(number - 1) // 4] if 1 <= number <= 24 else ""


def duration(seconds: float) -> str:
    """ "3.2 s", "14 ms" or "250 µs"."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1e3:.0f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"


def _usage(attributes: dict[str, Any]) -> Iterator[str]:
    tokens_in = attributes.get(
        "gen_ai.usage.input_tokens", attributes.get("gen_ai.aggregated_usage.input_tokens")
    )
    tokens_out = attributes.get(
        "gen_ai.usage.output_tokens", attributes.get("gen_ai.aggregated_usage.output_tokens")
    )
    if isinstance(tokens_in, int) and isinstance(tokens_out, int) and tokens_in + tokens_out:
        yield f"{tokens_in}→{tokens_out} tok"
    cost = attributes.get("operation.cost", declared_cost(attributes))
    if isinstance(cost, int | float) and cost:
        yield f"${cost:.4f}"
