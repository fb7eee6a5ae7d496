"""`manage.py load_demo`: fill an empty database with the demo pack."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from indicators import demo


class Command(BaseCommand):
    """Load the demo pack, once; a second run says so and does nothing."""

    help = "Load the demo pack (real data) into an empty database. Does nothing the second time."

    def handle(self, *args: Any, **options: Any) -> None:
        """Show a progress bar, step by step."""
        try:
            pack = demo.read_pack()
            loaded = demo.is_loaded(pack)
            total = len(pack["edition"]) if loaded else demo.steps(pack)
            with tqdm(total=total, unit="step", ascii=" #", ncols=78, disable=loaded) as bar:

                def tell(step: str) -> None:
                    bar.set_postfix_str(step[:40], refresh=False)
                    bar.update()

                if loaded:
                    self.stdout.write("The demo pack is already loaded.")
                else:
                    demo.load_demo(pack, tell)
                # Also after a start that was interrupted between loading and drawing.
                demo.draw_maps(tell)
        except demo.DemoError as error:
            raise CommandError(str(error)) from error
