"""Indicators, the releases that carry them, and what is live.

`LiveSeries` is the definition of published: every public read starts there. Rules that
must always hold are constraints in Postgres (see also migration 0002), not code.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q

from areas.models import Area, Edition, OverlapSet


class Licence(models.Model):
    """Terms under which a release may be used, with the words its reuser must show."""

    slug = models.SlugField(primary_key=True)
    name = models.CharField(max_length=120)
    url = models.URLField(blank=True)
    attribution = models.TextField(blank=True)
    redistributable = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class Theme(models.Model):
    """A heading that indicators stand under on a profile."""

    slug = models.SlugField(primary_key=True)
    name = models.CharField(max_length=80)
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["order", "name"]

    def __str__(self) -> str:
        return self.name


class Indicator(models.Model):
    """Something measured of areas: what it means, how it may be compared and added up."""

    class Polarity(models.TextChoices):
        HIGHER = "higher", "higher is better"
        LOWER = "lower", "lower is better"
        NONE = "none", "neither is better"

    class Aggregation(models.TextChoices):
        SUM = "sum", "counts are added"
        RATIO = "ratio", "numerators and denominators are added, then divided"
        WEIGHTED_MEAN = "weighted-mean", "mean weighted by the denominator"
        NONE = "none", "cannot be added up: published levels only"

    class Summary(models.TextChoices):
        AVERAGE_SCORE = "average-score", "mean score, weighted by residents"
        AVERAGE_RANK = "average-rank", "mean rank, weighted by residents; highest most deprived"
        PROPORTION = "proportion", "share of areas in the most deprived 10%"
        EXTENT = "extent", "share of residents in the most deprived 30%, tapered from 10%"
        LOCAL_CONCENTRATION = "local-concentration", "mean rank where the worst-off tenth lives"

    slug = models.SlugField(unique=True, max_length=80)
    name = models.CharField(max_length=160)
    short_name = models.CharField(max_length=60)
    theme = models.ForeignKey(Theme, models.PROTECT)
    definition = models.TextField()
    method = models.TextField(blank=True)
    caveats = models.TextField(blank=True)
    unit = models.CharField(max_length=60, blank=True)
    prefix = models.CharField(max_length=4, blank=True)
    decimals = models.PositiveSmallIntegerField(default=1)
    multiplier = models.FloatField(default=1.0)
    polarity = models.CharField(max_length=6, choices=Polarity, default=Polarity.NONE)
    aggregation = models.CharField(max_length=13, choices=Aggregation)
    summary = models.CharField(
        max_length=19,
        choices=Summary,
        blank=True,
        db_default="",
        help_text="How it sums up a deprivation score of smaller areas.",
    )
    summary_of = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="summaries"
    )
    numerator_name = models.CharField(max_length=120, blank=True)
    denominator_name = models.CharField(max_length=120, blank=True)
    scope = models.ForeignKey(
        Area, models.PROTECT, help_text="The widest area across which it may be compared."
    )
    headline = models.BooleanField(
        default=True, help_text="May lead the few sentences that sum a place up."
    )
    missions = ArrayField(models.SlugField(), default=list, blank=True)
    capitals = ArrayField(models.SlugField(), default=list, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(polarity__in=["higher", "lower", "none"]), name="indicator_polarity"
            ),
            models.CheckConstraint(
                condition=Q(aggregation__in=["sum", "ratio", "weighted-mean", "none"]),
                name="indicator_aggregation",
            ),
            models.CheckConstraint(
                condition=Q(summary="", summary_of=None)
                | Q(
                    summary__in=[
                        "average-score",
                        "average-rank",
                        "proportion",
                        "extent",
                        "local-concentration",
                    ],
                    summary_of__isnull=False,
                    aggregation="none",
                ),
                name="indicator_summary",
            ),
            models.CheckConstraint(
                condition=Q(summary_of=None) | ~Q(summary_of=F("id")),
                name="indicator_summary_not_of_itself",
            ),
            models.CheckConstraint(condition=Q(decimals__lte=6), name="indicator_decimals"),
            models.CheckConstraint(
                condition=Q(multiplier__gt=0) & Q(multiplier__lte=1e9), name="indicator_multiplier"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Dataset(models.Model):
    """What a publisher issues again and again; each issue is a release."""

    slug = models.SlugField(unique=True, max_length=80)
    name = models.CharField(max_length=160)
    publisher = models.CharField(max_length=160)
    source_url = models.URLField(blank=True)
    licence = models.ForeignKey(Licence, models.PROTECT)
    cadence = models.CharField(max_length=80, blank=True)
    description = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.name


class Period(models.Model):
    """A point in time (`end` = `start`) or a span of days, both ends included."""

    class Kind(models.TextChoices):
        POINT = "point", "point in time"
        CALENDAR_YEAR = "calendar-year", "calendar year"
        FINANCIAL_YEAR = "financial-year", "financial year"
        MONTH = "month", "month"
        SPAN = "span", "several years or months together"

    start = models.DateField()
    end = models.DateField()
    kind = models.CharField(max_length=14, choices=Kind)
    label = models.CharField(max_length=60)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("start", "end", "kind", name="period_unique"),
            models.CheckConstraint(condition=Q(end__gte=F("start")), name="period_order"),
            models.CheckConstraint(
                condition=Q(kind__in=["point", "calendar-year", "financial-year", "month", "span"]),
                name="period_kind",
            ),
            models.CheckConstraint(
                condition=Q(kind="point", end=F("start")) | ~Q(kind="point"), name="period_point"
            ),
        ]

    def __str__(self) -> str:
        return self.label


class Release(models.Model):
    """One issue of a dataset, from its file to what it put live."""

    class Status(models.TextChoices):
        RECEIVED = "received", "received"
        CHECKED = "checked", "checked"
        STAGED = "staged", "staged"
        PUBLISHED = "published", "published"
        SUPERSEDED = "superseded", "superseded"
        WITHDRAWN = "withdrawn", "withdrawn"
        REJECTED = "rejected", "rejected"

    class Todo(models.TextChoices):
        CHECK = "check", "to be read and checked"
        STAGE = "stage", "to be made ready"
        PUBLISH = "publish", "to be made public"

    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="releases")
    slug = models.SlugField(unique=True, max_length=120)
    name = models.CharField(max_length=200)
    publisher_version = models.CharField(max_length=120, blank=True)
    publisher_date = models.DateField(null=True, blank=True)
    file_name = models.CharField(max_length=255, blank=True)
    file_sha256 = models.CharField(max_length=64, blank=True)
    note = models.TextField(blank=True)
    corrects = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="corrections",
        help_text="The release that this one puts right; the note says what was wrong.",
    )
    licence = models.ForeignKey(Licence, models.PROTECT)
    redistributable = models.BooleanField(default=True)
    complete = models.BooleanField(
        default=False, help_text="Replaces everything live from this dataset, not only its series."
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.RECEIVED)
    received_at = models.DateTimeField()
    received_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    layout = models.CharField(max_length=80, blank=True, db_default="")
    mapping = models.JSONField(
        default=dict, blank=True, help_text="What its columns were read as, to be edited."
    )
    # What checking found: by code, its kind, how many and one sentence.
    problems = models.JSONField(default=dict, blank=True)
    # What a worker is to do next (empty: nothing), and why the last one gave up.
    todo = models.CharField(max_length=8, choices=Todo, blank=True, db_default="")
    failure = models.TextField(blank=True, db_default="")
    staged_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    # For readers: it stands beside the figures wherever they are read as they once stood.
    withdrawn_reason = models.CharField(max_length=500, blank=True, db_default="")
    archived_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When its rows were moved to its archive; empty while they are here.",
    )
    restored_at = models.DateTimeField(null=True, blank=True)
    archive = models.JSONField(
        default=dict,
        blank=True,
        help_text="The files of its archive: bytes, rows and SHA-256 of each.",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "received",
                        "checked",
                        "staged",
                        "published",
                        "superseded",
                        "withdrawn",
                        "rejected",
                    ]
                ),
                name="release_status",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["published", "superseded", "withdrawn"])
                | Q(published_at__isnull=False),
                name="release_published_at",
            ),
            models.CheckConstraint(
                condition=(Q(status="withdrawn") & Q(withdrawn_at__isnull=False))
                | (~Q(status="withdrawn") & Q(withdrawn_at__isnull=True)),
                name="release_withdrawn_at",
            ),
            models.CheckConstraint(
                condition=Q(file_sha256="") | Q(file_sha256__regex=r"^[0-9a-f]{64}$"),
                name="release_file_sha256",
            ),
            models.CheckConstraint(
                condition=Q(todo__in=["", "check", "stage", "publish"]), name="release_todo"
            ),
            models.CheckConstraint(
                condition=Q(corrects__isnull=True) | ~Q(corrects=F("id")) & ~Q(note=""),
                name="release_correction_has_a_note",
            ),
            models.CheckConstraint(
                condition=Q(archived_at__isnull=True)
                | Q(status__in=["superseded", "withdrawn"]) & ~Q(archive={}),
                name="release_archived_is_not_live",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def may_be_passed_on(self) -> bool:
        """Whether both the release and its licence, as it stands now, let us offer files."""
        return self.redistributable and self.licence.redistributable


class ReleaseFile(models.Model):
    """A file of a release as it was given: kept under its hash, so the same bytes are kept once."""

    release = models.ForeignKey(Release, models.CASCADE, related_name="files")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=255, help_text="As its giver calls it; only ever shown.")
    sha256 = models.CharField(max_length=64, db_index=True)
    size = models.BigIntegerField(help_text="Bytes.")

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint("release", "position", name="releasefile_position"),
            models.CheckConstraint(
                condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="releasefile_sha256"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SavedLayout(models.Model):
    """A mapping that somebody confirmed, kept to be recognised when files like it come again."""

    slug = models.SlugField(unique=True, max_length=80)
    name = models.CharField(max_length=160)
    dataset = models.ForeignKey(Dataset, models.SET_NULL, null=True, blank=True, related_name="+")
    mapping = models.JSONField()
    saved_at = models.DateTimeField()
    saved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )

    def __str__(self) -> str:
        return self.name


class AcceptedWarning(models.Model):
    """Why a kind of warning does not keep a release from being published, and who says so.

    It holds for what was found then: checking again takes it away. The audit log keeps it.
    """

    release = models.ForeignKey(Release, models.CASCADE, related_name="accepted")
    code = models.CharField(max_length=80)
    why = models.TextField()
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("release", "code", name="acceptedwarning_once"),
            models.CheckConstraint(condition=~Q(why=""), name="acceptedwarning_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.why}"


class Series(models.Model):
    """One indicator, breakdown, edition and period from one release, with its summary.

    Quantiles are at 0, 5 … 100%. `class_breaks` are the four inner breaks of five map
    classes. `histogram` counts areas in 64 equal bins from `plot_low` to `plot_high`; areas
    beyond either end are counted in the end bins. All are of the areas in this edition that
    have a value, unweighted.
    """

    class Origin(models.TextChoices):
        PUBLISHED = "published", "as published"
        AGGREGATE = "aggregate", "added up from smaller areas"
        CONVERTED = "converted", "moved from an earlier edition"

    # Given by the release's bucket, not by a sequence: the id tells the partition.
    id = models.IntegerField(primary_key=True)
    release = models.ForeignKey(Release, models.CASCADE, related_name="series")
    indicator = models.ForeignKey(Indicator, models.PROTECT, related_name="series")
    breakdown = models.CharField(max_length=120, blank=True, db_default="")
    edition = models.ForeignKey(Edition, models.PROTECT, related_name="+")
    period = models.ForeignKey(Period, models.PROTECT, related_name="+")
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.PUBLISHED)

    best_fit = models.BooleanField(
        default=False, help_text="Whether any step of adding up was a best fit."
    )
    n_members = models.PositiveIntegerField(help_text="Areas of the edition inside the scope.")
    n_values = models.PositiveIntegerField()
    missing = models.JSONField(default=dict, help_text="Areas without a value, by marker.")
    quantiles = ArrayField(models.FloatField(), default=list)
    class_breaks = ArrayField(models.FloatField(), default=list)
    plot_low = models.FloatField(null=True)
    plot_high = models.FloatField(null=True)
    histogram = ArrayField(models.IntegerField(), default=list)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "release", "indicator", "breakdown", "edition", "period", name="series_unique"
            ),
            models.UniqueConstraint(
                "id", "indicator", "breakdown", "edition", "period", name="series_key"
            ),
            models.CheckConstraint(condition=Q(n_values__lte=F("n_members")), name="series_counts"),
        ]
        verbose_name_plural = "series"

    def __str__(self) -> str:
        return f"{self.indicator_id} {self.breakdown} {self.edition_id} {self.period_id}".strip()


class SeriesInput(models.Model):
    """A series that a derived one was made from, and the overlap set that was used.

    For a series moved to a later edition, `total_before` and `total_after` are what is conserved
    (counts, numerators, or weights of means) summed over each; their difference is the residual.
    """

    series = models.ForeignKey(Series, models.CASCADE, related_name="inputs")
    input = models.ForeignKey(Series, models.PROTECT, related_name="dependants")
    overlap_set = models.ForeignKey(OverlapSet, models.PROTECT, null=True)
    total_before = models.FloatField(null=True)
    total_after = models.FloatField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "series",
                "input",
                "overlap_set",
                name="seriesinput_unique",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=~Q(series=F("input")), name="seriesinput_not_itself"),
            models.CheckConstraint(
                condition=Q(total_before__isnull=True, total_after__isnull=True)
                | Q(total_before__isnull=False, total_after__isnull=False),
                name="seriesinput_both_totals",
            ),
        ]


class PackedArray(models.Model):
    """A series by ordinal: little-endian float64, NaN where there is no value; one marker byte."""

    series = models.OneToOneField(Series, models.CASCADE, primary_key=True, related_name="packed")
    values = models.BinaryField()
    markers = models.BinaryField()


class Coverage(models.Model):
    """The share of its parts that a figure was added up from, where that is less than all."""

    series = models.ForeignKey(Series, models.CASCADE, related_name="coverage", db_index=False)
    area = models.ForeignKey(Area, models.CASCADE, related_name="+", db_index=False)
    share = models.FloatField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("area", "series", name="coverage_unique"),
            models.CheckConstraint(
                condition=Q(share__gt=0) & Q(share__lt=1), name="coverage_share"
            ),
        ]
        indexes: ClassVar = [models.Index("series", name="coverage_series")]
        verbose_name_plural = "coverage"


class LiveSeries(models.Model):
    """A series that is, or was, public during `live`. At most one at a time for each key."""

    indicator = models.ForeignKey(Indicator, models.PROTECT, related_name="+")
    breakdown = models.CharField(max_length=120, blank=True, db_default="")
    edition = models.ForeignKey(Edition, models.PROTECT, related_name="+")
    period = models.ForeignKey(Period, models.PROTECT, related_name="+")
    series = models.ForeignKey(Series, models.PROTECT, related_name="lives")
    live = DateTimeRangeField()
    closed_by = models.ForeignKey(Release, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints: ClassVar = [
            ExclusionConstraint(
                name="liveseries_one_at_a_time",
                expressions=[
                    ("indicator", RangeOperators.EQUAL),
                    ("breakdown", RangeOperators.EQUAL),
                    ("edition", RangeOperators.EQUAL),
                    ("period", RangeOperators.EQUAL),
                    ("live", RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(
                condition=Q(live__startswith__isnull=False), name="liveseries_has_start"
            ),
        ]
        indexes: ClassVar = [
            # The profile asks for everything live in a few editions.
            models.Index(
                "edition",
                "indicator",
                name="liveseries_now",
                condition=Q(live__endswith__isnull=True),
            ),
        ]
        verbose_name_plural = "live series"


class Bucket(models.Model):
    """A partition of observations and standings, and the block of series ids that it holds.

    One large release's own, or shared by small ones (docs/decisions.md, “Storage of
    observations”). Its series have ids from `first` up to, and not including, `first` +
    `BLOCK`.
    """

    BLOCK = 65_536

    shared = models.BooleanField()
    release = models.ForeignKey(
        Release, models.PROTECT, null=True, blank=True, related_name="+", help_text="Its owner."
    )
    n_series = models.PositiveIntegerField(default=0, help_text="Ids given out so far.")
    rows = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(shared=True, release__isnull=True)
                | Q(shared=False, release__isnull=False),
                name="bucket_owner",
            ),
            models.CheckConstraint(condition=Q(n_series__lte=65_536), name="bucket_block"),
        ]

    @property
    def first(self) -> int:
        """The lowest series id of the block."""
        return self.pk * self.BLOCK


class Standing(models.Model):
    """Where an area stands among the areas of its edition in `group_area`, by value.

    `rank` is 1 for the lowest value; ties share a rank (1, 2, 2, 4) and `tied` counts the
    areas on it, this one included. Which end is better is applied when it is shown.
    """

    pk = models.CompositePrimaryKey("area_id", "series_id", "group_area_id")
    series = models.ForeignKey(Series, models.CASCADE, related_name="+", db_index=False)
    area = models.ForeignKey(Area, models.CASCADE, related_name="+", db_index=False)
    group_area = models.ForeignKey(Area, models.CASCADE, related_name="+", db_index=False)
    rank = models.IntegerField()
    tied = models.IntegerField()
    out_of = models.IntegerField()

    class Meta:
        managed = False
        db_table = "indicators_standing"


class Observation(models.Model):
    """A value, or the reason there is none, for one area in one series.

    `marker` is a position in `statistics.markers.MARKERS`, null for an ordinary value; it is
    independent of value, so that an unreliable value keeps both.
    """

    pk = models.CompositePrimaryKey("area_id", "series_id")
    series = models.ForeignKey(Series, models.CASCADE, related_name="+", db_index=False)
    area = models.ForeignKey(Area, models.CASCADE, related_name="+", db_index=False)
    value = models.FloatField(null=True)
    lower = models.FloatField(null=True)
    upper = models.FloatField(null=True)
    numerator = models.FloatField(null=True)
    denominator = models.FloatField(null=True)
    marker = models.SmallIntegerField(null=True)

    class Meta:
        managed = False
        db_table = "indicators_observation"


class AuditEntry(models.Model):
    """Who did what to a release, and when. Postgres refuses to change or delete a row."""

    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    action = models.CharField(max_length=20)
    release = models.ForeignKey(Release, models.PROTECT, related_name="audit")
    detail = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "audit entries"


class DataVersion(models.Model):
    """One row, moved in the same transaction as anything that goes live; it keys every cache."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=1)
    moved_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="dataversion_single")
        ]


class CatalogueVersion(models.Model):
    """One row that Postgres moves with any edit of what describes figures, however it is made.

    Indicators, datasets, licences, themes, and what a release says of itself.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="catalogueversion_single")
        ]


class Feedback(models.Model):
    """What a reader wrote about a page or a figure, and what was done about it.

    `page` is the address within the site, `indicator` and `series` what stood there at the time.
    Kept: the message and, if the reader gave one, an e-mail address; no other trace of who it was.
    """

    class Status(models.TextChoices):
        NEW = "new", "new"
        ANSWERED = "answered", "answered"
        CLOSED = "closed", "closed without answer"

    LONGEST = 4000

    # What the reader is told, so that both can speak of it; it says nothing of how many there are.
    reference = models.CharField(max_length=12, unique=True)
    page = models.CharField(max_length=300)
    indicator = models.ForeignKey(
        Indicator, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    series = models.ForeignKey(Series, models.SET_NULL, null=True, blank=True, related_name="+")
    message = models.TextField(max_length=LONGEST)
    email = models.EmailField(blank=True)
    at = models.DateTimeField()
    status = models.CharField(max_length=8, choices=Status, default=Status.NEW)
    note = models.TextField(
        blank=True, help_text="For those who run the site; not shown to anyone."
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status__in=["new", "answered", "closed"]), name="feedback_status"
            ),
            models.CheckConstraint(condition=~Q(message=""), name="feedback_says_something"),
        ]
        indexes: ClassVar = [models.Index(fields=["status", "-at"], name="feedback_queue")]
        verbose_name_plural = "feedback"

    def __str__(self) -> str:
        return f"{self.reference} about {self.page}"
