"""AMI as bytes: recorded sessions of an Asterisk 22, however they are cut; what can't be said."""

import pytest
from amikit import BANNER, SESSIONS, messages, recorded
from hypothesis import given
from hypothesis import strategies as st

from ringfence.platforms.asterisk import ami
from ringfence.platforms.asterisk.ami import AmiError, Framer, Message, encode

ALL = sorted(path.stem for path in SESSIONS.glob("*.txt"))


@pytest.mark.parametrize("name", ALL)
def test_byte_by_byte_is_the_same_as_whole(name: str) -> None:
    framer, data = Framer(), recorded(name)
    found = [message for byte in data for message in framer.feed(bytes([byte]))]
    assert found == messages(name)
    assert len(found) == data.removeprefix(BANNER).strip(b"\r\n").count(b"\r\n\r\n") + 1
    assert framer.version == "11.0.0"


def test_a_session_says_what_happened_in_order() -> None:
    events = [message.event for message in messages("minimal-user-one-call") if message.event]
    assert [e for e in events if e in ("DialBegin", "DialEnd", "Hangup", "Cdr")] == [
        *("DialBegin", "DialEnd", "Hangup", "Hangup", "Cdr")
    ]


def test_keys_are_found_in_any_case_and_the_first_of_several_counts() -> None:
    message = Message([("Variable", "a=1"), ("VARIABLE", "b=2"), ("Exten", "")])
    assert (message["variable"], message["exten"], message["none"]) == ("a=1", "", "")
    assert len(message.pairs) == 3


def test_a_value_keeps_its_colons_and_spaces() -> None:
    (message,) = Framer().feed(BANNER + b"Event: X\r\nURI: sip:1@h:5062\r\nName:  Bob \r\n\r\n")
    assert (message["uri"], message["name"]) == ("sip:1@h:5062", " Bob ")


def test_text_that_is_no_utf8_spoils_nothing() -> None:
    (message,) = Framer().feed(BANNER + b"Event: X\r\nCallerIDName: \xff\xfe\r\nExten: 1\r\n\r\n")
    assert message["exten"] == "1"
    message["calleridname"].encode()


@given(st.binary(max_size=400))
def test_anything_is_messages_or_an_error(data: bytes) -> None:
    for start in (b"", BANNER):
        try:
            Framer().feed(start + data)
        except AmiError as error:
            assert start == b"", error


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_cut_anywhere_is_the_same(parts: list[bytes]) -> None:
    parts = [BANNER, *parts, b"\r\n\r\n"]
    framer = Framer()
    assert [m for part in parts for m in framer.feed(part)] == Framer().feed(b"".join(parts))


@pytest.mark.parametrize("data", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad\r\n", b"\r\n", b"Aster\n", b"x" * 500])
def test_another_service_is_no_manager_interface(data: bytes) -> None:
    with pytest.raises(AmiError, match="no manager interface"):
        Framer().feed(data)


def test_a_message_without_end_is_given_up() -> None:
    framer = Framer()
    framer.feed(BANNER)
    with pytest.raises(AmiError, match="more than"):
        for _ in range(ami.MAX_MESSAGE // 1000 + 1):
            framer.feed(b"Key: " + b"v" * 993 + b"\r\n")


@pytest.mark.parametrize("value", ["PJSIP/1\r\nAction: Originate", "a\nb", "a\rb", "a\0"])
def test_a_value_with_a_line_end_is_refused(value: str) -> None:
    with pytest.raises(AmiError, match="line end"):
        encode([("Action", "Hangup"), ("Channel", value)])


@pytest.mark.parametrize("key", ["", "a:b", "a\r\nb"])
def test_a_key_that_would_be_read_otherwise_is_refused(key: str) -> None:
    with pytest.raises(AmiError):
        encode([(key, "1")])


@given(st.lists(st.tuples(st.sampled_from(["Action", "Channel", "Variable"]), st.text(max_size=30)), min_size=1))
def test_what_is_said_is_read_as_it_was_meant_or_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        data = encode(pairs)
    except AmiError:
        assert any(mark in value for _, value in pairs for mark in "\r\n\0")
    else:
        (read,) = Framer().feed(BANNER + data)
        assert [key for key, _ in read.pairs] == [key for key, _ in pairs]
