"""What an admin says of a file of geography before it is rehearsed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat

from areas.models import AreaType, Edition, GeographyFile, OverlapSet

Kind = GeographyFile.Kind
FOUND = "Found in the file when left empty."


class FileForm(forms.Form):
    """The file itself, within the limit of uploads."""

    required_css_class = "required"

    file = forms.FileField(label="File", help_text="As the publisher issued it, also zipped.")

    def clean_file(self) -> Any:
        """Refuse a file above the limit."""
        file = self.cleaned_data["file"]
        most = settings.GEOGRAPHY_UPLOAD_BYTES
        if file.size > most:
            raise forms.ValidationError(
                f"The file is larger than {filesizeformat(most)}. Load it with the command "
                "instead (manage.py import_…)."
            )
        return file


def text(label: str, help_text: str = FOUND, **more: Any) -> forms.CharField:
    """Return a field of short text that may be left empty."""
    wide = forms.TextInput(attrs={"class": "vTextField"})
    return forms.CharField(
        label=label, required=False, max_length=200, help_text=help_text, widget=wide, **more
    )


def tick(label: str, help_text: str = "") -> forms.BooleanField:
    """Return a box that may be ticked."""
    return forms.BooleanField(label=label, required=False, help_text=help_text)


class AreasForm(FileForm):
    """A set of areas at a date."""

    area_type = forms.ModelChoiceField(AreaType.objects.all(), label="Type of area")
    edition = forms.SlugField(label="Short name", help_text="Such as ward-2025-ons.")
    date = forms.DateField(
        label="Date", help_text="When the areas were so.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )  # fmt: skip
    name = text("Name", "For readers, such as Wards, May 2025.")
    source = text("Source", "Who published the file, with the words its licence asks for.")
    note = text("Note on the outlines", "What a reader should know before measuring by them.")
    approximate = tick("The outlines are rough")
    code_column = text("Column of codes")
    name_column = text("Column of names")
    welsh_column = text("Column of Welsh names")
    layer = text("Layer or sheet", "When the file has several.")
    crs = text("Coordinates", "Such as EPSG:27700, when the file does not say, or says it wrongly.")
    simplify = forms.FloatField(
        label="Simplify, in metres", required=False, min_value=0, max_value=5000,
        help_text="Shared borders stay shared. Leave empty to keep every point.",
    )  # fmt: skip
    no_outlines = tick("The file is a list without outlines")
    set_aside = tick("Leave out areas of other types")
    replace = tick("Replace what is held under this short name")

    def clean_area_type(self) -> str:
        """Return the slug."""
        return str(self.cleaned_data["area_type"].pk)

    def clean_simplify(self) -> float:
        """Return nought for empty."""
        return float(self.cleaned_data["simplify"] or 0.0)


class OverlapsForm(FileForm):
    """A lookup between two editions."""

    from_edition = forms.ModelChoiceField(Edition.objects.all(), label="Smaller areas")
    to_edition = forms.ModelChoiceField(Edition.objects.all(), label="Wider areas")
    kind = forms.ChoiceField(label="Kind", choices=OverlapSet.Kind.choices)
    from_column = text("Column of the smaller areas")
    to_column = text("Column of the wider areas")
    weight_column = text("Column of shares", "For apportioned sets: shares that sum to 1.")
    shares_of = text("Column of people or homes", "For apportioned sets, to share by.")
    source = text("Source", "Where the lookup comes from.")
    sheet = text("Sheet", "When a workbook has several.")
    partial = tick("Some areas have no parent in the file")
    set_aside = tick("Leave out codes that are not in these editions")
    replace = tick("Replace the set that is held")

    def clean_from_edition(self) -> str:
        """Return the slug."""
        return str(self.cleaned_data["from_edition"].slug)

    def clean_to_edition(self) -> str:
        """Return the slug."""
        return str(self.cleaned_data["to_edition"].slug)


class ChangesForm(FileForm):
    """Code history."""

    from_column = text("Column of old codes")
    to_column = text("Column of new codes")
    date = forms.DateField(
        label="Date", required=False, help_text="When the file has none of its own.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )  # fmt: skip
    shares_of = text("Column of people or homes", "For the weight of each step.")
    sheet = text("Sheet", "When a workbook has several.")


class PostcodesForm(FileForm):
    """A directory of postcodes."""

    ward_column = text("Column of wards")
    small_area_column = text("Column of neighbourhoods")
    part = tick("The file is part of the country", "Postcodes it leaves out stay.")
    replace = tick("Postcodes it leaves out may go")


class NamesForm(FileForm):
    """Names in Welsh, or as people know a place."""

    code_column = text("Column of codes")
    name_column = text("Column of names", "Only if names are to be replaced.")
    welsh_column = text("Column of Welsh names")
    known_as_column = text("Column of the names people know")
    sheet = text("Sheet", "When a workbook has several.")


class NumbersForm(FileForm):
    """What another numbering calls the areas, such as that of the Department for Education."""

    scheme = forms.CharField(
        label="Whose numbers", max_length=40, help_text="Such as DfE or Nomis."
    )
    number_column = text("Column of numbers")
    code_column = text("Column of official codes")
    sheet = text("Sheet", "When a workbook has several.")


FORMS: dict[str, type[FileForm]] = {
    Kind.AREAS: AreasForm,
    Kind.OVERLAPS: OverlapsForm,
    Kind.CHANGES: ChangesForm,
    Kind.POSTCODES: PostcodesForm,
    Kind.NAMES: NamesForm,
    Kind.NUMBERS: NumbersForm,
}
