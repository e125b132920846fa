"""What a run of `scripts/bench turn` shows to people."""

from rich.console import Console
from rich.table import Table

TITLES = {"ours": "ours", "stock": "stock"}
WANTED_THROUGHPUT = 5.0
WANTED_P50 = 1 / 3
WANTED_ACK = 5.0
STORES = {"memory": "in memory (its default, which favours it)", "sqlite": "in SQLite"}
NOTES = (
    "Ours: the whole product over its WebSocket, a socket a customer, every message and reply durable in SQLite "
    "(WAL, synchronous=FULL). Stock: `rasa init`'s pipeline and policies over the REST channel, its trackers {store}, "
    "answers from the ResponseSelector, a custom action for orders.",
    "MB: what a side's processes hold, shared pages counted once. CPU: processor time a message, the customers' "
    "own included. right: how many questions were answered from the article that the labelled set names.",
)


def show(result: dict, out: Console) -> None:
    """Tables, then a verdict a line."""
    out.print(_turns(result))
    for note in NOTES:
        out.print(note.format(store=STORES[result["stock_tracker_store"]]), style="dim")
    out.print(_cpu(result))
    if "human_ack" in result:
        for chats, figures in result["human_ack"].items():
            out.print(_acks(chats, figures))
    for line in _verdicts(result):
        out.print(line)


def _turns(result: dict) -> Table:
    headline = result["concurrency"]
    table = Table(
        title="One turn: from the customer's message to the reply, in ms",
        caption=f"The line of JSON is about {headline} conversations at once; medians over the rounds",
    )
    for heading in ("at once", "", "msg/s", "p50", "p95", "p99", "MB", "CPU", "right"):
        table.add_column(heading, justify="left" if heading == "" else "right", no_wrap=True)
    every = result["by_concurrency"]
    for concurrency in next(iter(every.values())):
        for name, by_concurrency in every.items():
            row = by_concurrency[concurrency]
            table.add_row(
                concurrency,
                TITLES[name],
                f"{row['messages_per_s']:.1f}",
                *(_short(row[key]) for key in ("p50_ms", "p95_ms", "p99_ms")),
                f"{row['rss_mb']:.0f}",
                f"{row['cpu_ms']:.1f}",
                f"{row['right_article']:.0%}",
            )
        if len(every) == 2:
            table.add_row(concurrency, "ratio", *_ratios(every["ours"][concurrency], every["stock"][concurrency]))
        table.add_section()
    return table


def _short(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _ratios(ours: dict[str, float], theirs: dict[str, float]) -> list[str]:
    keys = ("messages_per_s", "p50_ms", "p95_ms", "p99_ms", "rss_mb", "cpu_ms")
    return [f"[bold]{ours[key] / theirs[key]:.2f}x[/bold]" if theirs[key] else "-" for key in keys] + [""]


def _cpu(result: dict) -> Table:
    used = result["cpu_ms_a_message"]
    table = Table(title=f"CPU time a message by process, ms ({result['concurrency']} at once)")
    table.add_column("")
    names = ("engine", "actions", "web", "load")
    for name in names:
        table.add_column("the customers" if name == "load" else name, justify="right")
    for side, by_process in used.items():
        table.add_row(TITLES[side], *(f"{by_process[name]:.2f}" if name in by_process else "-" for name in names))
    return table


def _acks(chats: str, figures: dict[str, float]) -> Table:
    at_once = "one chat" if chats == "1" else f"{chats} chats at once"
    table = Table(title=f"A message between two people, {at_once}: until it is acknowledged, durably")
    for heading in ("", "p50 ms", "p99 ms", "number"):
        table.add_column(heading, justify="right" if heading else "left")
    for title, name, count in (("message to ack", "ack", "messages"), ("one raw SQLite commit", "commit", "commits")):
        p50, p99 = figures[f"{name}_p50_ms"], figures[f"{name}_p99_ms"]
        table.add_row(title, f"{p50:.2f}", f"{p99:.2f}", f"{figures[count]:.0f}")
    table.caption = (
        f"p99 of the ack is {figures['p99_over_commit_median']:.1f} times the median raw commit, "
        f"{figures['p99_over_commit_p99']:.1f} times its p99"
    )
    return table


def _verdicts(result: dict) -> list[str]:
    lines = []
    if "throughput_ratio" in result:
        lines += [
            _verdict(
                result["throughput_ratio"], result["throughput_ratio"] >= WANTED_THROUGHPUT, "messages/s", "at least 5x"
            ),
            _verdict(result["p50_ratio"], result["p50_ratio"] <= WANTED_P50, "median latency", "at most 0.33x"),
        ]
    if "human_ack_p99_over_commit" in result:
        ratio = result["human_ack_p99_over_commit"]
        lines.append(
            _verdict(ratio, ratio < WANTED_ACK, "ack p99 over a raw commit (its median), one chat", "under 5x")
        )
    handed_over = result["handed_over"].get("ours")
    if handed_over:
        lines.append(
            f"  {handed_over} conversations were handed to a person on the way; that notice counts as the reply."
        )
    if result["errors"]:
        lines.append(f"[red]  {result['errors']} errors, so the figures mean nothing:[/red] {result['error_texts']}")
    return lines


def _verdict(ratio: float, reached: bool, what: str, wanted: str) -> str:
    sign = "[green]✓[/green]" if reached else "[red]✗[/red]"
    return f"  {sign} {what}: {ratio}x (wanted: {wanted})"
