"""What waits for a browser when a script begins."""

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from app.server.inputs import ANSWERS, KeptAnswers


def queue_of(*types: str) -> KeptAnswers:
    queue = KeptAnswers()
    for number, type_ in enumerate(types):
        message = ForwardMsg(hash=str(number))
        if ForwardMsg.DESCRIPTOR.fields_by_name[type_].message_type:
            getattr(message, type_).SetInParent()
        else:
            setattr(message, type_, True)
        queue.enqueue(message)
    return queue


def types_in(queue: KeptAnswers) -> list[str | None]:
    return [message.WhichOneof("type") for message in queue.flush()]


def test_answers_outlast_the_beginning_of_a_script_and_what_it_draws_anew_does_not():
    queue = queue_of("delta", *sorted(ANSWERS), "new_session", "navigation")
    queue.clear(retain_lifecycle_msgs=True)
    assert sorted(types_in(queue)) == sorted([*ANSWERS, "new_session"])


def test_no_answer_comes_twice_when_a_fragment_begins():
    queue = queue_of("file_urls_response")
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["part"])
    assert types_in(queue) == ["file_urls_response"]


def test_nothing_is_kept_of_a_session_that_ends_nor_of_what_was_sent():
    queue = queue_of("file_urls_response")
    queue.clear()
    assert queue.is_empty()
    queue = queue_of("file_urls_response")
    assert types_in(queue) == ["file_urls_response"]
    assert queue.is_empty()
