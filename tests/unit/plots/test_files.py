"""Pictures as files."""

import re
import struct

from orderflow_recorder.plots.files import page, png
from orderflow_recorder.plots.theme import ThemeName
from tests.support.pictures import picture


def test_a_page_loads_nothing_and_holds_its_rows_once() -> None:
    text = page(picture(), None, file_name="a_file")
    markup = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"(src|href)=(?!\"data:,\")", markup)
    assert "http" not in markup
    assert text.count('"cells":') == 1
    assert "BTCUSDT · Binance Spot" in text
    assert 'data-theme=""' in text
    assert '"a_file"' in text


def test_a_png_has_the_size_of_the_page_twice_and_is_not_blank() -> None:
    image = png(picture(), ThemeName.DARK)
    assert image.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", image[16:24])
    assert 2_300 < width < 2_700
    assert 2_000 < height < 3_000
    assert len(image) > 100_000
