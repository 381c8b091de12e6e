import pytest

from bikd_core.config.method_facts import method_facts


@pytest.mark.parametrize("text", ["", "class Nameless:\n    pass\n"])
def test_a_file_without_a_method_is_named(tmp_path, text):
    (tmp_path / "odd.py").write_text(text)
    with pytest.raises(ValueError, match=r"odd.py holds no method"):
        method_facts(tmp_path)


def test_an_attribute_that_has_to_be_computed_is_named(tmp_path):
    (tmp_path / "odd.py").write_text("class Odd:\n    title: str = 'a' + str(1)\n")
    with pytest.raises(ValueError, match=r"odd.py: title must be a plain value"):
        method_facts(tmp_path)
