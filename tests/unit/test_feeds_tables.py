"""CSV and TSV, as good and as bad as merchants send them."""

import pytest

from catalogue.feed import MAX_ROW, Head, Refused
from tests.unit.feeding import ids, product, products, rejections, rows

HEADER = "id,title,price\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found_in_the_header(delimiter: str) -> None:
    text = "id,title,price\na,Radio; small,5 EUR\n".replace(",", delimiter)
    assert (
        product(text if delimiter != ";" else text.replace("Radio; small", '"Radio; small"'), "f.csv").title
        == "Radio; small"
    )


def test_headers_may_be_written_as_google_shows_them() -> None:
    found = product("ID,Title,g:Price,Image Link\na,Radio,5 EUR,https://shop.example/a.jpg\n", "f.csv")
    assert found.images == ("https://shop.example/a.jpg",)


@pytest.mark.parametrize(
    "header", ["id|title|price", "sku,name,price", "", '"id,title', "id:title:price", '{"id": "a"}']
)
def test_a_header_without_id_and_title_refuses_the_file(header: str) -> None:
    with pytest.raises(Refused, match=r"must name the columns, `id` and `title` among them, separated by tabs, commas"):
        rows(f"{header}\na|Radio|5 EUR\n", "f.csv")


def test_a_header_that_names_the_id_twice_refuses_the_file() -> None:
    with pytest.raises(Refused, match="the column `id` twice"):
        rows("id,title,price,id\na,Radio,5 EUR,b\n", "f.csv")


def test_a_table_that_names_no_merchant_is_refused() -> None:
    with pytest.raises(Refused, match=r"--merchant, or in a column `merchant`"):
        rows(f"{HEADER}a,Radio,5 EUR\n", "f.csv", merchant=None)


def test_a_row_that_names_no_merchant_is_rejected_if_nothing_else_does() -> None:
    text = "id,title,price,merchant\na,Radio,5 EUR,\nb,Radio,5 EUR,Shop\n"
    assert rejections(text, "f.csv", merchant=None) == [
        (2, "merchant", "is missing; --merchant names that of the whole feed")
    ]


def test_a_value_in_quotes_may_have_lines_and_delimiters() -> None:
    first, second = products('id,title,price\na,"Radio, ""big""\nand loud",5 EUR\nb,TV 5" wide,6 EUR\n', "f.csv")
    assert (first.title, second.title) == ('Radio, "big" and loud', 'TV 5" wide')


def test_lines_count_those_within_quotes() -> None:
    assert rejections(f'{HEADER}a,"Ra\ndio",5 EUR\nb,TV,-5 EUR\n', "f.csv") == [(4, "price", "must not be negative")]


def test_a_quote_that_is_not_closed_costs_its_row_only() -> None:
    text = f'{HEADER}a,"Radio,5 EUR\nb,TV,6 EUR\nc,"Disc",7 EUR\nd,"Tape,8 EUR\n'
    assert rejections(text, "f.csv") == [(2, "", "a quote is not closed"), (5, "", "a quote is not closed")]
    assert ids(text, "f.csv") == ["b", "c"]


def test_a_quote_that_the_next_row_closes_costs_its_row_only() -> None:
    text = f'{HEADER}a,"Radio,5 EUR\nb,TV" ,6 EUR\nc,Disc,7 EUR\n'
    assert [line for line, _, _ in rejections(text, "f.csv")] == [2]
    assert ids(text, "f.csv") == ["b", "c"]


def test_a_row_with_other_columns_than_the_header_is_rejected() -> None:
    text = f"{HEADER}a,Radio\nb,TV,5,99 EUR\nc,Disc,7 EUR,,\n\n"
    assert rejections(text, "f.csv") == [
        (2, "", "has 2 columns, and the header 3"),
        (3, "", "has 4 columns, and the header 3"),
    ]
    assert ids(text, "f.csv") == ["c"]


def test_a_row_of_ten_megabytes_is_rejected_and_the_next_ones_go_on() -> None:
    text = f"{HEADER}a,Radio,5 EUR\nb,{'x' * 10_000_000},5 EUR\nc,Disc,5 EUR\n"
    assert rejections(text, "f.csv") == [(3, "", f"has more than {MAX_ROW:,} characters")]
    assert ids(text, "f.csv") == ["a", "c"]


def test_a_long_value_in_quotes_is_told_by_its_field() -> None:
    text = f'{HEADER}a,"Radio\n{"x" * 200_000}",5 EUR\nb,TV,6 EUR\n'
    assert rejections(text, "f.csv") == [(2, "title", "must have at most 500 characters")]
    assert ids(text, "f.csv") == ["b"]


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_lines_may_end_as_on_any_system(end: str) -> None:
    text = f"{HEADER}a,Radio,5 EUR\n\nb,TV,-1 EUR\n".replace("\n", end)
    assert ids(text, "f.csv") == ["a"]
    assert rejections(text, "f.csv") == [(4, "price", "must not be negative")]


def test_lines_of_blanks_are_no_rows() -> None:
    assert len(products(f"{HEADER}a,Radio,5 EUR\n  \n ,\t, \nb,TV,6 EUR\n  ", "f.csv")) == 2


def test_a_nul_character_rejects_its_row() -> None:
    assert rejections(f"{HEADER}a,Ra\0dio,5 EUR\n", "f.csv") == [(2, "", "has a NUL character")]


def test_columns_that_nobody_knows_are_noted_and_left_out() -> None:
    head = Head()
    (row,) = rows("id,title,price,color,shoe_lace\na,Radio,5 EUR,red,long\n", "f.csv", head)
    assert list(head.ignored) == ["shoe_lace"]
    assert row.product.attributes == {"color": "red"}  # type: ignore[union-attr]


def test_a_column_may_come_several_times_if_it_has_a_list() -> None:
    text = "id,title,price,additional_image_link,additional_image_link\na,R,5 EUR,https://a.example/1,https://a.example/2\n"
    assert product(text, "f.csv").images == ("https://a.example/1", "https://a.example/2")
    assert rejections("id,title,price,brand,brand\na,R,5 EUR,Sony,Bose\n", "f.csv") == [
        (2, "brand", "is there more than once")
    ]
