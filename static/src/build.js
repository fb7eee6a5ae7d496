// Builds static/build/ from static/src/ and prints what each file costs gzipped.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, readdir, rm } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const root = new URL("../../", import.meta.url).pathname;
const out = `${root}static/build`;

// What a page with a map may cost before its values and tiles, gzipped, in bytes.
const BUDGET = 110_000;

// Leaflet's style sheet refers to pictures of markers and buttons that we never show.
const withoutPictures = {
  name: "without-pictures",
  setup(b) {
    b.onLoad({ filter: /leaflet\.css$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(/[^{}]*\{[^{}]*url\([^{}]*\}/g, ""),
      loader: "css",
    }));
  },
};

// The bundle of protomaps-leaflet brings whole base-map styles, fonts and labels. We use its tile
// cache only, so we take that from its sources: half the script.
const protomaps = (file) => `${root}node_modules/protomaps-leaflet/src/${file}.ts`;

const common = {
  bundle: true,
  minify: true,
  legalComments: "none",
  logLevel: "warning",
  target: ["es2022", "chrome109", "firefox115", "safari16.4"],
};

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await Promise.all([
  build({
    ...common,
    stdin: {
      contents: `@import "@fontsource-variable/atkinson-hyperlegible-next";
        @import "leaflet/dist/leaflet.css";
        @import "./static/src/css/levelup.css";`,
      loader: "css",
      resolveDir: root,
    },
    outfile: `${out}/levelup.css`,
    loader: { ".woff2": "file" },
    assetNames: "fonts/[name]",
    plugins: [withoutPictures],
  }),
  build({
    ...common,
    entryPoints: {
      levelup: `${root}static/src/js/levelup.js`,
      map: `${root}static/src/js/map.js`,
      tables: `${root}static/src/js/tables.js`,
    },
    outdir: out,
    format: "esm",
    alias: { "protomaps-leaflet/tilecache": protomaps("tilecache"), "protomaps-leaflet/view": protomaps("view") },
  }),
]);

// For pictures of figures (PNG), which are drawn on the server: no page fetches these.
await mkdir(`${out}/print-fonts`, { recursive: true });
for (const letters of ["latin", "latin-ext"])
  for (const weight of [400, 700]) {
    const name = `atkinson-hyperlegible-next-${letters}-${weight}-normal.woff`;
    await copyFile(
      `${root}node_modules/@fontsource/atkinson-hyperlegible-next/files/${name}`,
      `${out}/print-fonts/${name}`,
    );
  }

let total = 0;
for (const name of (await readdir(out)).filter((n) => /\.(js|css)$/.test(n)).sort()) {
  const bytes = await readFile(`${out}/${name}`);
  const gzipped = gzipSync(bytes, { level: 9 }).length;
  total += gzipped;
  console.log(`${name.padEnd(12)} ${bytes.length.toString().padStart(8)} bytes ${gzipped.toString().padStart(7)} gzipped`);
}
for (const name of await readdir(`${out}/fonts`)) {
  const { length } = await readFile(`${out}/fonts/${name}`);
  console.log(`fonts/${name} ${length} bytes (fetched only for the letters a page uses)`);
}
console.log(`A page with a map: ${total} bytes gzipped of ${BUDGET}.`);
if (total > BUDGET) {
  console.error("Over the budget for script and style. Make it smaller.");
  process.exit(1);
}
