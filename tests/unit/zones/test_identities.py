import pytest

from beacon_service.zones.identities import identity_text, mac_text


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        (
            "ibeacon",
            {"uuid": "FDA50693-A4E2-4FB1-AFCF-C6EB07647825", "major": "0010073", "minor": 61418},
            "ibeacon:fda50693-a4e2-4fb1-afcf-c6eb07647825:10073:61418",
        ),
        (
            "ibeacon",
            {"uuid": "fda50693a4e24fb1afcfc6eb07647825", "major": 0, "minor": "0"},
            "ibeacon:fda50693-a4e2-4fb1-afcf-c6eb07647825:0:0",
        ),
        (
            "eddystone_uid",
            {"namespace": "0xEDD1EBEAC04E5DEFA017", "instance": "0BDB87539B67"},
            "eddystone_uid:edd1ebeac04e5defa017:0bdb87539b67",
        ),
        (
            "altbeacon",
            {"id1": "2F234454-CF6D-4A0F-ADF2-F4911BA9FFA6", "id2": 1, "id3": 2},
            "altbeacon:2f234454-cf6d-4a0f-adf2-f4911ba9ffa6:1:2",
        ),
        ("mac", {"mac": "AC-23-3F-5A-0B-1C"}, "mac:ac233f5a0b1c"),
    ],
)
def test_an_identity_has_one_text_however_it_is_written(kind, fields, expected):
    assert identity_text(kind, fields) == expected


@pytest.mark.parametrize("mac", ["ac:23:3f:5a:0b:1c", "AC233F5A0B1C", "ac-23-3f-5a-0b-1c"])
def test_a_mac_has_one_text_however_it_is_written(mac):
    assert mac_text(mac) == "mac:ac233f5a0b1c"


@pytest.mark.parametrize(
    ("kind", "fields", "sentence"),
    [
        ("wifi", {}, "type must be one of ibeacon, eddystone_uid, altbeacon, mac"),
        ("ibeacon", {"uuid": "fda5", "major": 1, "minor": 1}, "uuid must be a UUID"),
        (
            "ibeacon",
            {"uuid": "0" * 32, "major": 65_536, "minor": 1},
            "major must be a whole number from 0 to 65535",
        ),
        ("ibeacon", {"uuid": "0" * 32, "major": 1, "minor": True}, "minor must be a whole number"),
        ("ibeacon", {"uuid": "0" * 32, "major": 1, "minor": 1.5}, "minor must be a whole number"),
        ("ibeacon", {"uuid": "0" * 32, "major": 1}, "minor must be a whole number"),
        ("ibeacon", {"uuid": "0" * 32, "major": "1" * 9_999, "minor": 1}, "major must be a whole number"),
        ("ibeacon", {"uuid": "0" * 32, "major": "٣", "minor": 1}, "major must be a whole number"),
        (
            "eddystone_uid",
            {"namespace": "edd1", "instance": "0" * 12},
            "namespace must be 20 hexadecimal digits",
        ),
        ("mac", {"mac": "ac:23-3f:5a:0b:1c"}, "mac must be a MAC address"),
    ],
)
def test_what_is_no_identity_is_refused_by_a_sentence_that_names_the_field(kind, fields, sentence):
    with pytest.raises(ValueError, match=sentence):
        identity_text(kind, fields)
