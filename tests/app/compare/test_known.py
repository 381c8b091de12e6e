"""What is known of tuned methods, below the comparison of one's own."""

from bikd_core.answer.summary import recorded, verdicts


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
    leads = table[f"lead of {summary.first.bikd} (points)"]
    assert (leads != "").sum() == len(summary.first.leads)
    assert verdicts(summary)
