from bikd_core.config import RunConfig
from bikd_core.config.difference import Difference, differences

BIKD = RunConfig()


def test_a_run_differs_from_itself_in_nothing():
    assert differences(BIKD, RunConfig()) == ()


def test_one_changed_control_is_the_one_difference():
    other = BIKD.changed(inner_steps=5)
    assert differences(BIKD, other) == (Difference("inner_steps", 1, 5),)


def test_what_only_one_of_two_methods_reads_is_no_difference_of_its_own():
    other = BIKD.changed(method="kd", inner_steps=5, kd_alpha=0.3)
    assert differences(BIKD, other) == (Difference("method", "bikd", "kd"),)
    both = BIKD.changed(method="kd", temperature=2.0)
    assert [found.name for found in differences(BIKD, both)] == ["method", "temperature"]
    without_teacher = BIKD.changed(method="ce", temperature=2.0, teacher_model="digits_mlp")
    assert [found.name for found in differences(BIKD, without_teacher)] == ["method"]
