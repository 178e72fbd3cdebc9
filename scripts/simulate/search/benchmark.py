"""Measures the product search on judged queries: NDCG@10 on queries as they are and with one typing error each, latencies in
process, and the index's size, build time and opening time. Exits with 1 if a target is missed.

The data is a folder with products.jsonl.gz and ratings.csv. With --products, copies of the products with other model numbers and
prices make up the number; quality is then not measured, since nobody rated the copies.
"""

import argparse
import importlib.util
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gateway.search.build import build
from gateway.search.index import Index
from gateway.search.query import Filters, Query
from local import console
from local.console import Failure
from simulate.search import judged
from simulate.search.copies import scaled
from simulate.search.judged import Ratings
from simulate.search.measures import CUT, Latency, fold_means, misspelled, ndcg

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data" / "electronics"
SEEDS = 10
ROUNDS = 3
CLEAN, TYPOS, P50, P95, OPENING = 0.76, 0.72, 2.0, 10.0, 100.0
"""The targets: NDCG@10 at least, milliseconds at most."""
FILTERS = Filters(price_min=1000, price_max=50_000, currency=judged.CURRENCY)
FACETS = ("brand", "price", "availability", "rating", "attributes")


@dataclass
class Figures:
    """What was measured.

    Attributes:
        clean, typos: NDCG@10; by the seed of the errors.
        spread: the standard deviation of the means of fifths of the queries.
        latency: in milliseconds, by the kind of query.
        parsed_per_second: rows of JSON Lines that the import reads and checks; None without scripts/catalogue.
    """

    products: int = 0
    queries: int = 0
    index_bytes: int = 0
    build_seconds: float = 0.0
    open_ms: float = 0.0
    latency: dict[str, Latency] = field(default_factory=dict)
    clean: float | None = None
    spread: float | None = None
    typos: list[float] = field(default_factory=list)
    parsed_per_second: float | None = None

    def targets(self) -> list[tuple[str, bool]]:
        """What is wanted, and whether it is reached."""
        found = []
        if self.clean is not None:
            found.append((f"NDCG@10 {self.clean:.3f}, at least {CLEAN}", self.clean >= CLEAN))
        if self.typos:
            mean = statistics.fmean(self.typos)
            found.append((f"NDCG@10 with typing errors {mean:.3f}, at least {TYPOS}", mean >= TYPOS))
        for name in ("as asked", "with typing errors"):
            took = self.latency[name]
            said = f"{name}: p50 {took.p50:.2f} ms, at most {P50:g}; p95 {took.p95:.2f} ms, at most {P95:g}"
            found.append((said, took.p50 <= P50 and took.p95 <= P95))
        return [*found, (f"opened in {self.open_ms:.1f} ms, at most {OPENING:g}", self.open_ms <= OPENING)]


def measure(folder: Path, products: int | None, seeds: int, say: Callable[[str], None]) -> Figures:
    """Everything.

    Args:
        products: how many, copies included; None for those that there are.
        seeds: how often errors are made.
    """
    asked = judged.ratings(folder)
    figures = Figures(queries=len(asked))
    with tempfile.TemporaryDirectory(prefix="benchmark-") as home:
        path = Path(home) / "index.sqlite"
        _build(figures, path, folder, products, say)
        index = Index.open(path)
        try:
            _ask(figures, index, list(asked))
            if products is None:
                _judge(figures, index, asked, seeds)
        finally:
            index.close()
        figures.parsed_per_second = _parse(Path(home) / "products.jsonl", folder)
    return figures


def _build(figures: Figures, path: Path, folder: Path, products: int | None, say: Callable[[str], None]) -> None:
    items = list(scaled(judged.items(folder), products))
    say(f"Building an index of {len(items):,} products ...")
    started = time.perf_counter()
    figures.products = build(path, items, revision=1, built_at=0).products
    figures.build_seconds = time.perf_counter() - started
    figures.index_bytes = path.stat().st_size
    started = time.perf_counter()
    Index.open(path).close()
    figures.open_ms = 1000 * (time.perf_counter() - started)


def _ask(figures: Figures, index: Index, texts: Sequence[str]) -> None:
    chance = random.Random(0)  # noqa: S311 - not for secrets
    wrong = [misspelled(text, chance) for text in texts]
    kinds = {
        "as asked": [Query(text, limit=CUT) for text in texts],
        "with typing errors": [Query(text, limit=CUT) for text in wrong],
        "while typing": [Query(text[: max(2, len(text) - 3)], limit=CUT, prefix=True) for text in texts],
        "filtered, with facets": [Query(text, FILTERS, limit=CUT, facets=FACETS) for text in texts],
        "by price": [Query(text, FILTERS, sort="price_asc", limit=CUT) for text in texts],
    }
    for name, queries in kinds.items():
        seconds = [_timed(index, query) for _ in range(ROUNDS) for query in queries]
        figures.latency[name] = Latency.of(seconds)


def _timed(index: Index, query: Query) -> float:
    started = time.perf_counter()
    index.search(query)
    return time.perf_counter() - started


def _judge(figures: Figures, index: Index, asked: Ratings, seeds: int) -> None:
    scores = [_score(index, text, rated) for text, rated in asked.items()]
    figures.clean, figures.spread = statistics.fmean(scores), statistics.stdev(fold_means(scores))
    for seed in range(seeds):
        chance = random.Random(seed)  # noqa: S311 - not for secrets
        wrong = [_score(index, misspelled(text, chance), rated) for text, rated in asked.items()]
        figures.typos.append(statistics.fmean(wrong))


def _score(index: Index, text: str, rated: dict[str, int]) -> float:
    return ndcg([product["id"] for product in index.search(Query(text, limit=CUT)).products], rated)


def _parse(path: Path, folder: Path) -> float | None:
    """How many rows a second the import reads and checks, in JSON Lines of the same products."""
    if importlib.util.find_spec("catalogue") is None:
        return None
    from datetime import UTC, datetime

    from catalogue import feeds, sources
    from catalogue.feed import Head

    lines = [product.model_dump_json(exclude_defaults=True) for product in judged.products(folder)]
    path.write_text("\n".join(lines), encoding="utf-8")
    started = time.perf_counter()
    with sources.opened(str(path), s3=lambda: None) as source:
        rows = sum(1 for _ in feeds.read(source, feeds.Reading(datetime.now(UTC)), Head()))
    return rows / (time.perf_counter() - started)


def report(figures: Figures) -> list[str]:
    """The figures as lines."""
    lines = [
        f"{figures.products:,} products: {figures.index_bytes / 1e6:.1f} MB, built in {figures.build_seconds:.1f} s"
        f" ({figures.products / figures.build_seconds:,.0f} products/s), opened in {figures.open_ms:.1f} ms"
    ]
    if figures.parsed_per_second:
        lines.append(f"The import reads and checks {figures.parsed_per_second:,.0f} rows/s of JSON Lines.")
    if figures.clean is not None:
        lines.append(
            f"NDCG@10 of {figures.queries} queries: {figures.clean:.4f}; fifths of them vary by {figures.spread:.3f}"
        )
    if figures.typos:
        each = " ".join(f"{score:.3f}" for score in figures.typos)
        lines.append(f"NDCG@10 with typing errors: {statistics.fmean(figures.typos):.4f}; by seed: {each}")
    lines += [f"  {name:<24}p50 {took.p50:7.2f} ms   p95 {took.p95:7.2f} ms" for name, took in figures.latency.items()]
    return lines


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser("scripts/benchmark-search", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder (default: ../shared/data/electronics)")
    parser.add_argument("--products", type=int, metavar="N", help="so many, by copies; quality is not measured then")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how often errors are made (default: {SEEDS})")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    if (options.products is not None and options.products < 1) or options.seeds < 0:
        parser.error("--products must be 1 or more, --seeds 0 or more")
    console.main(lambda: run(options))


def run(options: argparse.Namespace) -> None:
    """Measure, and compare with the targets.

    Raises:
        Failure: there is no data, or a target is missed.
    """
    if not (options.data / "ratings.csv").is_file():
        raise Failure(f"There is no ratings.csv in {options.data}: name the folder of the judged data by --data.")
    say = console.say if not options.json else lambda _text: None
    figures = measure(options.data, options.products, options.seeds, say)
    met = figures.targets()
    if options.json:
        told = [{"target": text, "met": is_met} for text, is_met in met]
        console.say(json.dumps(asdict(figures) | {"targets": told}, indent=2))
    else:
        for line in [*report(figures), *(f"{'met   ' if is_met else 'MISSED'}  {text}" for text, is_met in met)]:
            console.say(line)
    if not all(is_met for _, is_met in met):
        raise Failure("Targets were missed.")


if __name__ == "__main__":
    main()
