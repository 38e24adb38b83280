import { inflateSync } from "node:zlib";

/** The text of a PDF that Chromium printed. */
export function textOfPdf(pdf: Buffer): string {
  const objects = new Map<string, string>();
  for (const [, number = "", body = ""] of pdf.toString("latin1").matchAll(/^(\d+) 0 obj\n(.*?)\nendobj$/gms)) {
    const [, packed] = /FlateDecode.*?stream\n(.*)\nendstream/s.exec(body) ?? [];
    objects.set(number, packed ? inflateSync(Buffer.from(packed, "latin1")).toString("latin1") : body);
  }

  /** The characters of a font by the number of their glyph. */
  const charactersOf = (font = "") => {
    const [, map = ""] = /\/ToUnicode (\d+)/.exec(objects.get(font) ?? "") ?? [];
    const characters = new Map<number, string>();
    for (const [, first = "", last = first, character = ""] of (objects.get(map) ?? "").matchAll(
      /^<(\w{4})>(?: <(\w{4})>)? <(\w{4})>$/gm,
    )) {
      for (let glyph = hex(first); glyph <= hex(last); glyph++) {
        characters.set(glyph, String.fromCharCode(hex(character) + glyph - hex(first)));
      }
    }
    return characters;
  };

  let characters = new Map<number, string>();
  let text = "";
  for (const page of objects.values()) {
    // Chromium names a font after its object.
    for (const [, font, shown = ""] of page.matchAll(/^\/F(\d+) [\d.]+ Tf$|^(.*) T[jJ]$/gm)) {
      if (font) characters = charactersOf(font);
      for (const [glyph] of shown.matchAll(/(?<=<\w*)\w{4}(?=\w*>)/g)) text += characters.get(hex(glyph)) ?? "";
    }
  }
  return text.normalize("NFKC"); // without ligatures
}

function hex(digits: string): number {
  return Number.parseInt(digits, 16);
}
