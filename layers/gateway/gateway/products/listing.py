"""Lists of products from the table's indexes: which index, where it starts, and which of its products are asked for."""

from dataclasses import dataclass
from typing import Any

from gateway import cursors
from gateway.keys import checksum
from gateway.products.parts import INDEXES, SHARDS, Item, category_keys, gtin_14, name_key
from gateway.search.query import Filters

Json = dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """Which products are asked for.

    Attributes:
        filters: what they have to be; one category at most, by its whole path. Attributes are not looked at.
        gtin: a barcode of any length.
        limit: how many a page has at most.
        cursor: of the page before.
    """

    filters: Filters
    gtin: str | None = None
    limit: int = 20
    cursor: str | None = None

    def index(self) -> tuple[str, list[Item]]:
        """The index that has the fewest products besides those that are asked for, and the keys to look up in it, one by one."""
        if self.gtin:
            return "gtins", [{"gtin": gtin_14(self.gtin)}]
        if self.filters.categories:
            return "categories", [category_keys(self.filters.categories[0])]
        if self.filters.brands:
            return "brands", [{"brand_key": key} for key in sorted(set(map(name_key, self.filters.brands)))]
        return "all", [{"shard": str(shard)} for shard in range(SHARDS)]

    def takes(self, item: Item) -> bool:
        """Whether a product is asked for, and this is the one of the index's items by which it is to be found.

        Args:
            item: as an index has it.
        """
        wanted = self.filters
        return (
            self._is_first_in_category(item)
            and (not wanted.brands or name_key(item.get("brand", "")) in set(map(name_key, wanted.brands)))
            and (not wanted.availability or item.get("availability") in wanted.availability)
            and (wanted.rating_min is None or item.get("rating", {}).get("value", -1) >= wanted.rating_min)
            and (wanted.currency is None or item.get("currency") == wanted.currency)
            and self._costs_as_wanted(item)
        )

    def _is_first_in_category(self, item: Item) -> bool:
        """A product is in the index once for each of its categories, of which several may be below the one that is asked for."""
        if not self.filters.categories:
            return True
        wanted = category_keys(self.filters.categories[0])["category_path"]
        paths = [category_keys(path, item["id"])["category_path"] for path in item.get("categories", [])]
        first = next((path for path in paths if path.startswith(wanted)), None)
        return first is not None and item.get("category_path", first) == first

    def _costs_as_wanted(self, item: Item) -> bool:
        least, most = self.filters.price_min, self.filters.price_max
        if least is None and most is None:
            return True
        low = item.get("price_low")
        return low is not None and (least is None or low >= least) and (most is None or low <= most)

    def start(self) -> tuple[int, Item | None]:
        """Where it goes on: which of the keys, and behind which item; None for the first.

        Raises:
            InvalidRequest: the cursor is not one of this list's.
        """
        if self.cursor is None:
            return 0, None
        position = cursors.decode(self.cursor, "cursor")
        index, keys = self.index()
        item, place = position.get("item"), position.get("key")
        if position.get("list") != self._fingerprint() or type(place) is not int or not 0 <= place < len(keys):
            raise cursors.wrong("cursor")
        if not isinstance(item, dict) or not _is_position(item, index, keys[place]):
            raise cursors.wrong("cursor")
        return place, item

    def cursor_behind(self, place: int, item: Item) -> str:
        """The cursor of the page that begins behind an item of one of the keys."""
        names = {*INDEXES[self.index()[0]], "id", "part"}
        return cursors.encode({"list": self._fingerprint(), "key": place, "item": {name: item[name] for name in names}})

    def _fingerprint(self) -> str:
        """Tells its cursors from those of other lists."""
        return checksum(repr((self.filters, self.gtin)))


def _is_position(item: Json, index: str, key: Item) -> bool:
    """Whether it is a place in an index that a query for a key comes by; of any other DynamoDB would complain."""
    return (
        set(item) == {*INDEXES[index], "id", "part"}
        and all(isinstance(value, str) and value for value in item.values())
        and all(item[name].startswith(value) for name, value in key.items())
        and item[INDEXES[index][0]] == key[INDEXES[index][0]]
    )
