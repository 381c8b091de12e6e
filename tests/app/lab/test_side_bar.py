"""The Lab's side bar without a browser, over a manager that trains nothing."""


def test_the_estimate_says_what_it_assumes(open_lab, manager):
    manager.seconds = 17.0
    lab = open_lab().run()  # the first script run only promises to estimate
    [estimate] = [each for each in lab.caption if "17 s" in each.value]
    assert estimate.value == "About 17 s on this machine, if nothing else runs."
    assert "the training of teachers that are not stored yet" in estimate.help
