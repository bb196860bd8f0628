"""The web server's memory while it streams a batch of 1,000,000 instructions, against one of 10,000."""

from __future__ import annotations

import hashlib
import http.client
from pathlib import Path

from bench.backlog import seal, validate
from bench.drainer import drainers
from bench.measurement import Samples, interleave
from bench.measurements.stream_vs_copy import READ, batch
from bench.product import Bench, Database, Process

FORMATS = ("ndjson", "csv", "pacs.009")
_MB = 1024
_GROSS = "UPDATE refdata_netting_agreement SET payments = 'NONE', securities = 'NONE', goods = 'NONE'"

# A batch with the lines of another, again and again: its pages are read and sent like any other's. The bytes are as
# many, and as unlike each other, as those of the pages repeated.
_REPEATED = """
WITH made AS (
    INSERT INTO settlement_batch (channel_id, sequence, value_date, sealed_at, sealed_by, instruction_count,
                                  trade_count, control_totals, byte_count, sha256)
    SELECT channel_id, sequence + 1, value_date, sealed_at, sealed_by, instruction_count * %(times)s,
           trade_count * %(times)s, control_totals, byte_count * %(times)s, %(digest)s
    FROM settlement_batch WHERE id = %(id)s RETURNING id, instruction_count
), state AS (
    INSERT INTO settlement_batch_state (batch_id, instruction_count, accepted, rejected, settled)
    SELECT id, instruction_count, 0, 0, 0 FROM made
)
INSERT INTO settlement_batch_page (batch_id, number, first_line, line_count, byte_count, content)
SELECT made.id, turn * pages.count + p.number, turn * pages.lines + p.first_line, p.line_count, p.byte_count,
       p.content
FROM made, settlement_batch_page p, generate_series(0, %(times)s - 1) AS turn,
     (SELECT count(*) AS count, sum(line_count) AS lines FROM settlement_batch_page WHERE batch_id = %(id)s) AS pages
WHERE p.batch_id = %(id)s
"""


def measure(bench: Bench) -> Samples:
    """Pull both batches in three formats, and look how much memory the server had at its peak."""
    database, messages = bench.database("memory"), bench.messages()
    database.run("UPDATE refdata_party SET bic = 'BANKDEFF' || lpad(id::text, 3, '0')")
    database.run(_GROSS)
    with drainers(bench, database, 1) as worker:
        validate(bench, database, messages, worker, 11_000)
    seal(bench, database)
    small, lines, _ = batch(database)
    times = bench.size(100, 20)
    repeat(database, times)
    large, more, digest = batch(database)
    assert more == times * lines, f"{more} lines, not {times} times {lines}"
    with bench.web(database) as web:
        for path, expected in ((small, lines), (large, more)):
            pull(bench, web, path, "ndjson", expected)
        assert pull(bench, web, large, "ndjson", more) == digest, "the bytes are not those of the pages"

        def peak(path: str, expected: int) -> float:
            forget_peak(web)
            for form in FORMATS:
                pull(bench, web, path, form, expected)
            return peak_of(web)

        samples = interleave(
            this=lambda: peak(large, more), against=lambda: peak(small, lines), rounds=bench.rounds
        )
    samples.notes.append(
        f"Batches of {more:,} and {lines:,} lines, as {', '.join(FORMATS)} one after the other."
    )
    return samples


def repeat(database: Database, times: int) -> None:
    """Add a batch with all lines of the largest one, `times` times."""
    batch_id = database.row("SELECT id FROM settlement_batch ORDER BY instruction_count DESC LIMIT 1")[0]
    pages = database.row(
        "SELECT string_agg(content, ''::bytea ORDER BY number) FROM settlement_batch_page WHERE batch_id = %s",
        [batch_id],
    )[0]
    digest = hashlib.sha256()
    for _ in range(times):
        digest.update(pages)
    database.run(_REPEATED, {"id": batch_id, "times": times, "digest": digest.hexdigest()})


def pull(bench: Bench, web: Process, path: str, form: str, expected: int) -> str:
    """Pull a batch and throw its bytes away; return their hash."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=600)
    connection.request("GET", f"{path}?format={form}&lines=carried", headers=bench.headers())
    response, digest, size = connection.getresponse(), hashlib.sha256(), 0
    while part := response.read(READ):
        digest.update(part)
        size += len(part)
    connection.close()
    assert response.status == 200, response.status
    assert size > 50 * expected, f"{size} bytes are not {expected} lines"
    return digest.hexdigest()


def _processes(web: Process) -> list[Path]:
    """Return the folders in /proc of the server and its children: they are of one session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == web.handle.pid:
            found.append(folder)
    return found


def forget_peak(web: Process) -> None:
    """Begin anew with the peak of the server's memory."""
    for folder in _processes(web):
        (folder / "clear_refs").write_text("5")


def peak_of(web: Process) -> float:
    """Return the most memory that the server's processes had since then, in MB, each at its own peak."""
    total = 0
    for folder in _processes(web):
        lines = (folder / "status").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return total / _MB
