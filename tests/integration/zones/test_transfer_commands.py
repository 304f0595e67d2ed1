"""`beacon-service import` and `export`: the same checks as over HTTP, told in sentences."""

import json

import pytest
from click.testing import CliRunner

from beacon_service.cli import main
from tests.factories.brand import beacon_body, collection, feature
from tests.factories.catalogue import place, square


@pytest.fixture
def run(brand, database_url):
    brand.open_shop()

    def run(*arguments, stdin=None):
        environment = {"BEACON_DATABASE_URL": database_url}
        return CliRunner().invoke(main, [str(one) for one in arguments], env=environment, input=stdin)

    return run


@pytest.fixture
def file(tmp_path):
    def file(content):
        path = tmp_path / "collection.geojson"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return file


def beacon_feature(id_):
    point = {"type": "Point", "coordinates": list(place(0.5, 0.5))}
    return feature(id_, point, identities=beacon_body()["identities"])


def test_zones_come_in_and_go_out_again(run, brand, file, tmp_path):
    came_in = run("import", "zones", "shop", file(collection(feature("wine"), feature("toys"))))

    assert (came_in.exit_code, came_in.stdout) == (0, "")
    assert came_in.stderr.startswith(
        "zones of shop: created 2, replaced 0, unchanged 0; the configuration is at version "
    )
    assert brand.get("/sites/shop/zones/wine").status_code == 200
    written = tmp_path / "zones.geojson"
    assert run("export", "zones", "shop", "-o", written).exit_code == 0
    assert json.loads(written.read_text()) == brand.get("/sites/shop/zones/exports").json
    assert [path.name for path in tmp_path.iterdir() if "unfinished" in path.name] == []
    assert (
        run("import", "zones", "shop", written).stderr
        == "zones of shop: created 0, replaced 0, unchanged 3\n"
    )


def test_beacons_go_through_a_pipe(run):
    assert (
        run("import", "beacons", "shop", "-", stdin=json.dumps(collection(beacon_feature("b1")))).exit_code
        == 0
    )

    exported = run("export", "beacons", "shop")

    assert exported.exit_code == 0
    assert [one["id"] for one in json.loads(exported.stdout)["features"]] == ["b1"]
    assert "unchanged 1" in run("import", "beacons", "shop", "-", stdin=exported.stdout).stderr


def test_the_log_says_that_it_was_the_command_line(run, file, test_cluster, worker_database):
    run("import", "zones", "shop", file(collection(feature("wine"))))

    with test_cluster.connect(database=worker_database) as connection:
        found = connection.execute("SELECT actor FROM catalogue_log WHERE key = 'shop/wine'").fetchall()
    assert found == [("cli",)]


def test_every_fault_is_a_sentence_and_nothing_comes_in(run, brand, file):
    crossed = {"type": "Polygon", "coordinates": [[[4, 52], [5, 53], [5, 52], [4, 53], [4, 52]]]}
    wrong = collection(
        feature("good"), feature("crossed", crossed), feature("lost", square(2), floor="attic")
    )

    refused = run("import", "zones", "shop", file(wrong))

    assert refused.exit_code == 2
    assert refused.stderr.splitlines() == [
        "Error: 2 faults in the collection. Nothing was imported.",
        (
            "/features/1/geometry/coordinates: zone crossed: Self-intersection at [4.5, 52.5]. "
            "Draw it so that no line crosses or doubles another."
        ),
        (
            "/features/2/properties/floor: zone lost: names the floor attic, which the site shop does not have. "
            "Create it first, or send one of: ground."
        ),
    ]
    assert brand.get("/sites/shop/zones/good").status_code == 404


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Dear reader", "Error: "),
        ('{"type": "FeatureCollection", "features": [], "features": []}', "stands twice"),
        ("[]", "not a collection that can be imported"),
        ('{"type": "Topology"}', "/features"),
    ],
)
def test_a_file_that_is_no_collection_is_refused(run, file, content, said):
    refused = run("import", "zones", "shop", file(content))

    assert refused.exit_code == 2
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


def test_what_there_is_not_is_said(run, file, tmp_path):
    nowhere = run("export", "zones", "nowhere", "-o", tmp_path / "out.geojson")
    assert (nowhere.exit_code, nowhere.stderr) == (1, "Error: There is no site nowhere.\n")
    assert not (tmp_path / "out.geojson").exists()
    assert run("import", "zones", "nowhere", file(collection())).exit_code == 1
    assert run("import", "zones", "a/b", file(collection())).exit_code == 2
    assert run("import", "zones", "shop", tmp_path / "missing.geojson").exit_code == 2
    assert run("import", "doors", "shop", file(collection())).exit_code == 2
    unwritable = run("export", "zones", "shop", "-o", tmp_path / "no" / "such" / "folder")
    assert (unwritable.exit_code, "No such file or directory" in unwritable.stderr) == (1, True)
