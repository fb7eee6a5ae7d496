"""Places, the sets they were published in, and how those sets fit together.

One model serves every level from the United Kingdom to a neighbourhood. Rules that must
always hold are constraints in Postgres (see also migration 0003), not code.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db.models import F, Func, Q

BRITISH_NATIONAL_GRID = 27700
# No markup and no control characters.
PLAIN_WORDS = r"^[^<>[:cntrl:]]*$"


class AreaType(models.Model):
    """A level of geography, such as ward. `rank` orders types from the UK (0) downwards."""

    slug = models.SlugField(primary_key=True)
    name = models.CharField(max_length=80, help_text="As written before one area: “ward”.")
    name_plural = models.CharField(max_length=80)
    abbreviation = models.CharField(max_length=40, blank=True, help_text="“LSOA”, for brackets.")
    rank = models.PositiveSmallIntegerField(unique=True)
    holds = ArrayField(
        models.SlugField(),
        default=list,
        blank=True,
        help_text="Other types whose areas an edition of this one may hold: the upper tier holds "
        "counties and the authorities that stand in no county.",
    )

    class Meta:
        ordering: ClassVar = ["rank"]

    def __str__(self) -> str:
        return self.name


class Area(models.Model):
    """One place, for as long as its official code lasted: `[valid_from, valid_to)`.

    `known_as` is the place people know, kept for small areas whose official name is a number.
    """

    code = models.CharField(max_length=12)
    name = models.CharField(max_length=120)
    name_cy = models.CharField("name in Welsh", max_length=120, blank=True, db_default="")
    known_as = models.CharField(max_length=200, blank=True, db_default="")
    area_type = models.ForeignKey(AreaType, models.PROTECT)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    # Names as search compares them: without capitals, accents and punctuation (migration 0001).
    folded = models.GeneratedField(
        expression=Func("name", function="levelup_fold"),
        output_field=models.TextField(),
        db_persist=True,
    )
    folded_cy = models.GeneratedField(
        expression=Func("name_cy", function="levelup_fold"),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("code", name="area_code_unique"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="area_valid_range",
            ),
            models.CheckConstraint(
                condition=Q(code__regex=r"^[A-Z0-9]{3,12}$"), name="area_code_form"
            ),
        ]
        indexes: ClassVar = [
            # LIKE 'E05%' needs the pattern class: the unique index is in the database's collation.
            models.Index(OpClass("code", "varchar_pattern_ops"), name="area_code_prefix"),
            models.Index(OpClass("folded", "text_pattern_ops"), name="area_name_prefix"),
            GinIndex(OpClass("folded", "gin_trgm_ops"), name="area_name_words"),
            models.Index(
                OpClass("folded_cy", "text_pattern_ops"),
                name="area_name_cy_prefix",
                condition=~Q(folded_cy=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    def has_ended(self, on: date) -> bool:
        """Return whether its code has ended on a day; one that is to end lasts until then."""
        return self.valid_to is not None and self.valid_to <= on


class Edition(models.Model):
    """A published set of areas of one type at one date, with explicit membership."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    area_type = models.ForeignKey(AreaType, models.PROTECT)
    date = models.DateField()
    approximate = models.BooleanField(db_default=False)
    boundary_note = models.TextField(blank=True, db_default="")
    source = models.TextField(blank=True, db_default="")
    tile_hash = models.CharField(max_length=64, blank=True, db_default="")

    areas = models.ManyToManyField(Area, through="Member", related_name="editions")

    class Meta:
        ordering: ClassVar = ["area_type__rank", "-date"]

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    """An area in an edition. `ordinal` (0, 1, 2 …) is its position in every packed array."""

    # No index of their own on either: both constraints serve.
    edition = models.ForeignKey(Edition, models.CASCADE, db_index=False)
    area = models.ForeignKey(Area, models.CASCADE, db_index=False)
    ordinal = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("edition", "ordinal", name="member_ordinal_unique"),
            models.UniqueConstraint("area", "edition", name="member_area_unique"),
        ]


class Boundary(models.Model):
    """The outline of an area in an edition, on the British National Grid (metres)."""

    edition = models.ForeignKey(Edition, models.CASCADE)
    area = models.ForeignKey(Area, models.CASCADE, db_index=False)
    geometry = models.MultiPolygonField(srid=BRITISH_NATIONAL_GRID)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("area", "edition", name="boundary_unique"),
            models.CheckConstraint(
                condition=Q(geometry__isvalid=True), name="boundary_geometry_valid"
            ),
        ]
        verbose_name_plural = "boundaries"


class Border(models.Model):
    """Two areas of an edition that share a border, both ways round, and for how many metres.

    Worked out from their outlines when those are loaded (areas.importing.borders).
    """

    # No index of their own on any, and no keys on the areas: the constraint serves, and a border
    # never stands without the outlines of both.
    edition = models.ForeignKey(Edition, models.CASCADE, db_index=False)
    area = models.ForeignKey(
        Area, models.CASCADE, related_name="borders", db_index=False, db_constraint=False
    )
    neighbour = models.ForeignKey(
        Area, models.CASCADE, related_name="borders_back", db_index=False, db_constraint=False
    )
    metres = models.FloatField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("area", "edition", "neighbour", name="border_unique"),
            models.CheckConstraint(
                condition=~Q(area=F("neighbour")) & Q(metres__gt=0), name="border_two_areas"
            ),
        ]


class OverlapSet(models.Model):
    """How one edition lies in another, and where the weights came from."""

    class Kind(models.TextChoices):
        EXACT = "exact", "exact (each area lies wholly in one)"
        BEST_FIT = "best-fit", "best fit (each area counted wholly in one)"
        APPORTIONED = "apportioned", "apportioned (weights sum to 1)"

    slug = models.SlugField(unique=True, max_length=80)
    from_edition = models.ForeignKey(Edition, models.CASCADE, related_name="overlaps_up")
    to_edition = models.ForeignKey(Edition, models.CASCADE, related_name="overlaps_down")
    kind = models.CharField(max_length=12, choices=Kind)
    weight_source = models.TextField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind__in=["exact", "best-fit", "apportioned"]), name="overlapset_kind"
            ),
            models.CheckConstraint(
                condition=~Q(from_edition=F("to_edition")), name="overlapset_editions_differ"
            ),
            models.UniqueConstraint("from_edition", "to_edition", "kind", name="overlapset_unique"),
        ]

    def __str__(self) -> str:
        return self.slug


class AreaOverlap(models.Model):
    """The share (0 to 1] of `from_area` that belongs to `to_area` under a set.

    A trigger (migration 0003) holds exact and best-fit sets to one parent of weight 1,
    and the weights of apportioned sets to a sum of 1.
    """

    overlap_set = models.ForeignKey(OverlapSet, models.CASCADE, related_name="overlaps")
    from_area = models.ForeignKey(Area, models.CASCADE, related_name="overlaps_up", db_index=False)
    to_area = models.ForeignKey(Area, models.CASCADE, related_name="overlaps_down", db_index=False)
    weight = models.FloatField(db_default=1.0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "from_area", "overlap_set", "to_area", name="areaoverlap_unique"
            ),
            models.CheckConstraint(
                condition=Q(weight__gt=0) & Q(weight__lte=1), name="areaoverlap_weight"
            ),
        ]
        indexes: ClassVar = [models.Index("to_area", "overlap_set", name="areaoverlap_down")]


class AreaChange(models.Model):
    """One step of code history, at `effective`. `weight` is the share of the old area's people."""

    class Kind(models.TextChoices):
        RECODE = "recode", "new code for the same area"
        MERGE = "merge", "joined with others"
        SPLIT = "split", "divided"
        EXCHANGE = "exchange", "exchanged land with a neighbour"
        RENAME = "rename", "renamed"
        ABOLISH = "abolish", "abolished"

    from_area = models.ForeignKey(Area, models.CASCADE, related_name="changes_onward")
    to_area = models.ForeignKey(
        Area, models.CASCADE, related_name="changes_back", null=True, blank=True
    )
    kind = models.CharField(max_length=10, choices=Kind)
    effective = models.DateField()
    weight = models.FloatField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind__in=["recode", "merge", "split", "exchange", "rename", "abolish"]),
                name="areachange_kind",
            ),
            models.CheckConstraint(
                condition=Q(kind="abolish", to_area__isnull=True)
                | (~Q(kind="abolish") & Q(to_area__isnull=False)),
                name="areachange_successor",
            ),
            models.CheckConstraint(
                condition=Q(kind="rename") | Q(to_area__isnull=True) | ~Q(from_area=F("to_area")),
                name="areachange_not_itself",
            ),
            models.CheckConstraint(
                condition=Q(weight__isnull=True) | (Q(weight__gt=0) & Q(weight__lte=1)),
                name="areachange_weight",
            ),
            models.UniqueConstraint(
                "from_area", "to_area", "effective", name="areachange_unique", nulls_distinct=False
            ),
        ]


class AreaNumber(models.Model):
    """What another numbering (`scheme`: DfE, Nomis) calls an area, in capitals as it is written."""

    number = models.CharField(max_length=40, primary_key=True)
    scheme = models.CharField(max_length=40)
    area = models.ForeignKey(Area, models.CASCADE, related_name="numbers")

    def __str__(self) -> str:
        return f"{self.number} ({self.scheme})"


class Postcode(models.Model):
    """A postcode, written without a space, and the smallest areas that hold or held it.

    `ended` is the first day of the month in which it was terminated; null while it lives.
    """

    postcode = models.CharField(max_length=7, primary_key=True)
    ward = models.ForeignKey(
        Area, models.CASCADE, null=True, related_name="+", db_index=False, db_constraint=False
    )
    small_area = models.ForeignKey(
        Area, models.CASCADE, null=True, related_name="+", db_index=False, db_constraint=False
    )
    easting = models.IntegerField(null=True)
    northing = models.IntegerField(null=True)
    ended = models.DateField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(postcode__regex=r"^[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}$"),
                name="postcode_form",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.postcode[:-3]} {self.postcode[-3:]}"


MOST_IN_GROUP = 2_000


class AreaGroup(models.Model):
    """Areas of one type that somebody named, to compare others with; it never changes.

    Whoever has its address may use it, so `token` is past guessing. Triggers (migration
    `area_groups`) refuse every update and every member after the first lot.
    """

    MOST = MOST_IN_GROUP

    token = models.CharField(max_length=16)
    name = models.CharField(max_length=120)
    made_by = models.CharField(max_length=80, blank=True, db_default="")
    area_type = models.ForeignKey(AreaType, models.PROTECT, related_name="+")
    n_members = models.PositiveSmallIntegerField()
    created_at: models.DateTimeField[datetime, datetime] = models.DateTimeField()

    areas = models.ManyToManyField(Area, through="GroupMember", related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("token", name="areagroup_token_unique"),
            models.CheckConstraint(
                condition=Q(token__regex=r"^[A-Za-z0-9_-]{16}$"),  # noqa: S106
                name="areagroup_token_form",
            ),
            models.CheckConstraint(
                condition=Q(name__regex=PLAIN_WORDS)
                & Q(name__regex=r"\S")
                & Q(made_by__regex=PLAIN_WORDS),
                name="areagroup_plain_words",
            ),
            models.CheckConstraint(
                condition=Q(n_members__gte=2) & Q(n_members__lte=MOST_IN_GROUP),
                name="areagroup_size",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class GroupMember(models.Model):
    """An area in a group."""

    group = models.ForeignKey(AreaGroup, models.CASCADE, db_index=False)
    area = models.ForeignKey(Area, models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("group", "area", name="groupmember_unique"),
        ]


class GeographyVersion(models.Model):
    """One row, moved by every import of geography that changes something; it keys caches."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="geographyversion_single")
        ]


class GeographyFile(models.Model):
    """A file of geography given to the admin: what to make of it, and what became of it.

    The bytes are kept under their hash. Nothing is loaded until somebody has read `report`,
    which a dry run wrote, and confirmed it.
    """

    class Kind(models.TextChoices):
        AREAS = "areas", "Areas and their outlines"
        OVERLAPS = "overlaps", "Which area lies in which"
        CHANGES = "changes", "Code history"
        POSTCODES = "postcodes", "Postcodes"
        NAMES = "names", "Names"
        NUMBERS = "numbers", "Other numberings"

    class Status(models.TextChoices):
        WAITING = "waiting", "waiting to be checked"
        CHECKING = "checking", "being checked"
        CHECKED = "checked", "checked, to be confirmed"
        REFUSED = "refused", "refused"
        CONFIRMED = "confirmed", "confirmed, waiting to be loaded"
        LOADING = "loading", "being loaded"
        LOADED = "loaded", "loaded"

    kind = models.CharField(max_length=10, choices=Kind)
    options = models.JSONField(default=dict)
    file_name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    report = models.JSONField(default=dict)
    uploaded_at = models.DateTimeField()
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        ordering: ClassVar = ["-uploaded_at"]
        verbose_name = "file of geography"
        verbose_name_plural = "files of geography"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "waiting", "checking", "checked", "refused", "confirmed", "loading",
                        "loaded",
                    ]
                ),
                name="geographyfile_status",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["confirmed", "loading", "loaded"])
                | Q(confirmed_at__isnull=False),
                name="geographyfile_confirmed",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.file_name
