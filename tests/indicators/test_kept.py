"""What is kept while nothing goes live says what reading afresh would say, and goes with it."""

import pytest

from indicators.insight.kept import Kept
from tests.conftest import shares
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS

pytestmark = pytest.mark.django_db


def test_answers_are_read_once_a_version_and_in_the_order_asked():
    asked = []

    def read(keys: list[int]) -> dict[int, str]:
        asked.append(list(keys))
        return {key: str(key) for key in keys if key < 10}

    kept: Kept[int, str] = Kept(4)
    assert list(kept.get(1, [2, 1], read)) == [2, 1]
    assert kept.get(1, [1, 3, 99], read) == {1: "1", 3: "3"}
    assert kept.get(None, [1], read) == {1: "1"}
    assert kept.get(2, [1], read) == {1: "1"}
    assert asked == [[2, 1], [3, 99], [1], [1]]


def test_no_more_is_kept_than_was_allowed():
    kept: Kept[int, int] = Kept(3)

    def read(keys: list[int]) -> dict[int, int]:
        return {key: key for key in keys}

    kept.get(1, [1, 2], read)
    kept.get(1, [3, 4], read)
    assert len(kept._of[1]) <= 3
    assert kept.get(1, range(9), read) == {key: key for key in range(9)}
    assert len(kept._of[1]) <= 3


def test_another_thread_that_turns_the_version_lends_nothing_to_this_one():
    """What was kept under the first version is never an answer under the second."""

    class Turning(Kept[int, str]):
        """Turned to the second version by another thread between any two looks at it."""

        looks = 0

        @property
        def _of(self):
            self.looks += 1
            return self.first if self.looks == 1 else self.second

        @_of.setter
        def _of(self, of):
            self.second = of

    kept = Turning(4)
    kept.first, kept.second = (1, {1: "old"}), (2, {})
    kept.looks = 0
    assert kept.get(2, [1], lambda keys: dict.fromkeys(keys, "new")) == {1: "new"}


@pytest.fixture
def live(make_indicator, put_live):
    make_indicator()
    return put_live(shares([12.5 + i for i in range(len(NEIGHBOURHOODS))]))


def words(client, address: str) -> str:
    return client.get(address).content.decode()


@pytest.mark.parametrize(
    "address",
    [
        f"/areas/{COUNCILS[0]}/",
        f"/areas/{COUNCILS[0]}/?with=neighbours",
        f"/areas/{NEIGHBOURHOODS[0]}/",
        f"/areas/{COUNCILS[0]}/parts/",
        f"/compare/?areas={COUNCILS[0]},{COUNCILS[1]}",
    ],
)
def test_a_page_is_the_same_when_it_is_asked_again(live, client, address):
    first = words(client, address)
    assert words(client, address) == first
    assert "12" in first


def test_a_page_follows_what_goes_live_and_what_is_edited(live, put_live, client):
    address = f"/areas/{NEIGHBOURHOODS[0]}/"
    before = words(client, address)
    put_live(shares([77.7] * len(NEIGHBOURHOODS)), "second")
    after = words(client, address)
    assert "77.7" in after
    assert "77.7" not in before

    from indicators.models import Indicator

    Indicator.objects.filter(slug="share").update(name="A new name")
    assert "A new name" in words(client, address)
