"""What is known of tuned methods, below the comparison of one's own."""

from bikd_core.answer.summary import recorded


def test_it_is_folded_away_and_made_only_when_it_is_opened(open_page):
    page = open_page("compare")
    [known] = [one for one in page.expander if one.label.startswith("What is known")]
    assert not known.proto.expanded
    assert not page.dataframe


def test_opened_it_shows_every_method_with_its_settings_and_the_verdict(open_page):
    page = open_page("compare")
    page.session_state["known"] = True
    page.run()
    summary = recorded("digits-league1")
    [table] = [one.value for one in page.dataframe if "settings" in one.value]
    assert list(table["settings"]) == [line.method for line in summary.first.lines]
    leads = table["D_val's choice leads by (points)"]
    assert (leads != "").sum() == len(summary.first.leads)
    assert list(table["cost (× KD)"]) == [f"{line.cost:.1f}" for line in summary.first.lines]
    assert float(table.set_index("method")["cost (× KD)"]["KD"]) == 1


def test_another_answer_is_chosen_by_its_data(open_page):
    page = open_page("compare")
    page.session_state["known"] = True
    page.run()
    page.radio(key="known_answer").set_value("digits-league2").run()
    [table] = [one.value for one in page.dataframe if "settings" in one.value]
    summary = recorded("digits-league2")
    assert list(table["method"]) == [line.title for line in summary.first.lines]
    assert any(one.value.endswith("league 2") for one in page.markdown)
    assert any("bikd bench answer digits-league2" in one.value for one in page.caption)
