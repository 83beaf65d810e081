/**
 * Types that the same bytes may be called by. Formats that are packed in another one count as that one: whoever looks at
 * the first bytes of a document sees a ZIP archive. The first match counts; where none does a type stands for itself.
 */
const FAMILIES: readonly (readonly [family: string, types: RegExp])[] = [
  [
    'zip',
    /^application\/(.*\+zip|zip|x-zip(-compressed)?|java-archive|x-java-archive|epub|x-xpinstall|vnd\.android\.package-archive|vnd\.(openxmlformats|oasis\.opendocument)[a-z.-]*|vnd\.(ms-)?(excel|word|powerpoint|visio)[a-z.]*\.(macroenabled|template)[a-z0-9.]*|vnd\.(ms-visio\..*|apple\.(pages|numbers|keynote)|google-earth\.kmz|ms-xpsdocument))$|^model\/(3mf|vnd\.usdz)/,
  ],
  [
    'compound',
    /^application\/(x-cfb|x-ole-storage|msword|vnd\.(ms-(excel|powerpoint|outlook|project|works)|visio|hwp)|x-(msi|hwp)|vnd\.sketchup\.skp)$/,
  ],
  ['heif', /^image\/(hei[cf](-sequence)?|avif(-sequence)?)$/],
  ['mp4', /^(audio|video)\/(mp4|x-m4[abpv]|m4[av]|quicktime|3gpp2?|aac|x-aac|aacp)$|^application\/mp4$/],
  ['matroska', /^(audio|video)\/(x-)?(matroska|webm)$/],
  ['ogg', /^(audio|video|application)\/(x-)?(ogg|opus|vorbis|speex)$/],
  ['asf', /^(audio|video|application)\/(x-ms-(asf|wm[av])|vnd\.ms-asf)$/],
  ['mp3', /^audio\/(x-)?(mpeg-?3?|mp[123]|mpegaudio)$/],
  ['mpeg', /^video\/(x-)?(mpeg|mp1s|mp2p|mp2t)$/],
  ['avi', /^video\/(vnd\.avi|avi|(x-)?msvideo)$/],
  ['wav', /^audio\/((x-|x-pn-)?wave?|vnd\.wave)$/],
  ['aiff', /^audio\/(x-)?(aiff?|aifc)$/],
  ['midi', /^audio\/(x-)?midi?$/],
  ['flac', /^audio\/(x-)?flac$/],
  ['png', /^image\/(x-)?a?png$/],
  ['jpeg', /^image\/p?jpe?g$/],
  ['bmp', /^image\/(x-)?(ms-)?bmp$/],
  ['icon', /^image\/(x-icon|vnd\.microsoft\.icon|ico)$/],
  [
    'tiff',
    /^image\/(tiff?(-fx)?|x-(adobe-dng|canon-cr2|nikon-nef|sony-arw|panasonic-rw2|olympus-orf|fujifilm-raf|dcraw))$/,
  ],
  ['jpeg-2000', /^image\/(jp2|jpx|jpm|mj2|j2c|jpeg2000(-image)?)$/],
  ['photoshop', /^(image|application)\/(vnd\.adobe\.|x-)?(photoshop|psd)$/],
  ['gzip', /^application\/(x-)?(gzip|tgz|gtar-compressed|compressed-tar)$/],
  ['bzip', /^application\/(x-)?bzip2?$/],
  ['rar', /^application\/(x-rar(-compressed)?|vnd\.rar)$/],
  ['postscript', /^application\/(postscript|(x-)?eps|illustrator)$|^image\/(x-)?eps$/],
  ['pdf', /^application\/(x-)?pdf$/],
  ['rtf', /^(application|text)\/(x-)?(rtf|richtext)$/],
  [
    'windows-program',
    /^application\/(x-msdownload|vnd\.microsoft\.portable-executable|x-dosexec|x-msdos-program|x-exe)$/,
  ],
  ['sqlite', /^application\/(x-sqlite3|vnd\.sqlite3)$/],
  ['woff', /^(font|application)\/(x-)?(font-)?woff2?$/],
  ['font', /^(font|application)\/(x-)?(font-)?(ttf|otf|sfnt|truetype|opentype|collection)$/],
]

/** What a type (`type/subtype`, lower case) has in common with others of the same bytes. */
export function familyOf(essence: string): string {
  return FAMILIES.find(([, types]) => types.test(essence))?.[0] ?? essence
}
