"""The catalogue that scripts/start loads: invented products, so that there is something to search from the first minute."""

from datetime import UTC, datetime
from pathlib import Path

from catalogue import synthetic
from catalogue.feeds import Reading
from gateway import dynamodb
from gateway.products.parts import STATE_KEY
from local.console import Failure, Say, step
from operate import import_products
from operate.import_products import Options
from operate.target import Target

FILE = "synthetic.jsonl"


def load(gateway: Target, folder: Path, say: Say) -> bool:
    """Load it, unless products have been imported before: what the user has made of the catalogue is his.

    A gateway without products is still one, so what fails here is told, and no more.

    Args:
        folder: where the file is left, to be looked at.
    Returns:
        Whether anything was tried.
    """
    if not _is_wanted(gateway):
        return False
    with step(f"Loading {synthetic.DEFAULT_COUNT} invented products and building the search index", say) as note:
        try:
            note(_import(gateway, folder / FILE))
            note(import_products.built(import_products.build_index(gateway)).removesuffix("."))
        except Failure as failure:
            note(f"FAILED: {failure}")
    return True


def _is_wanted(gateway: Target) -> bool:
    """Whether nothing was ever imported, or only a part of this."""
    key = dynamodb.to_item(STATE_KEY)
    found = gateway.client("dynamodb").get_item(TableName=gateway.output("ProductsTable"), Key=key, ConsistentRead=True)
    state = dynamodb.from_item(found.get("Item", {}))
    return not state or any(feed.startswith(f"{FILE} ") for feed in state.get("unfinished", ()))


def _import(gateway: Target, file: Path) -> str:
    with file.open("wb") as output:
        output.writelines(synthetic.lines(synthetic.DEFAULT_COUNT, synthetic.DEFAULT_SEED))
    report = import_products.load(gateway, Options(str(file), Reading(datetime.now(UTC))))
    return f"{report.offers:,} offers"
