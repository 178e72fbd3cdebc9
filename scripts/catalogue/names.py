"""The names of flat formats: Google Merchant's, and the catalogue's own for those who write CSV by hand."""

ATTRIBUTES = (
    "color", "size", "size_type", "size_system", "material", "pattern", "gender", "age_group", "item_group_id", "multipack",
    "is_bundle", "adult", "energy_efficiency_class", "min_energy_efficiency_class", "max_energy_efficiency_class",
    "unit_pricing_measure", "unit_pricing_base_measure", "product_length", "product_width", "product_height", "product_weight",
)  # fmt: skip
"""What becomes an attribute by its own name."""
FIELDS = (
    "id", "title", "description", "link", "image_link", "additional_image_link", "availability", "price", "sale_price",
    "sale_price_effective_date", "currency", "brand", "gtin", "mpn", "condition", "product_type", "google_product_category",
    "shipping", "product_detail", "merchant", "rating", "rating_count", "released",
)  # fmt: skip
ALIASES = {
    "url": "link", "image": "image_link", "images": "image_link", "category": "product_type", "categories": "product_type",
    "gtins": "gtin", "ean": "gtin", "upc": "gtin", "colour": "color", "summary": "description", "content": "description",
    "seller": "merchant", "shop": "merchant",
}  # fmt: skip
REQUIRED = ("id", "title")
KNOWN = frozenset(FIELDS) | frozenset(ATTRIBUTES)


def canonical(written: str) -> str:
    """A name as the importer knows it: "g:Image Link" is image_link. What it does not know stays as it is, in lower case."""
    name = "_".join(written.strip().casefold().removeprefix("g:").replace("-", "_").split())
    return ALIASES.get(name, name)
