import { type Case, file, form, part } from './case.js'

const named = (name: string, parameters: string, expected: string): Case => ({
  name,
  body: form(part(parameters)),
  status: 201,
  files: [{ field: 'file', name: expected }],
})
const fileNamed = (name: string, filename: string, expected: string) =>
  named(name, `name="file"; filename="${filename}"`, expected)

/** What files are called: the key is the server's, the name a label. */
export const names: readonly Case[] = [
  fileNamed('a name in UTF-8 is one (131)', 'Grüße 文件 🎉.txt', 'Grüße 文件 🎉.txt'),
  fileNamed('a quote comes as %22 (131)', 'a%22b.txt', 'a_b.txt'),
  fileNamed('line breaks come as %0D and %0A (131)', 'a%0D%0Ab.txt', 'ab.txt'),
  fileNamed('nothing else is encoded (131)', 'a%20b%2Fc%00.txt', 'a%20b%2Fc%00.txt'),
  fileNamed('NUL is taken out (131)', 'a\0b.txt', 'ab.txt'),
  fileNamed('an apostrophe is one (131)', "it's.txt", "it's.txt"),
  fileNamed('an escaped quote is one, as other clients write it', String.raw`a\"b.txt`, 'a_b.txt'),
  fileNamed('a backslash at the end is one, as browsers write it (131)', 'folder\\', 'folder'),
  fileNamed('a path of Windows is its last part (132)', String.raw`C:\a\b.txt`, 'b.txt'),
  fileNamed('a path is its last part (132)', '../../etc/passwd.txt', 'passwd.txt'),
  fileNamed('a stream of NTFS is none (132)', 'a:.jpg', 'a_.jpg'),
  fileNamed('a device of Windows is none (132)', 'CON', '_CON'),
  fileNamed('dots and spaces at the ends go (132)', ' ..htaccess. ', 'htaccess'),
  fileNamed('a name of nothing is a name (132)', '../..', 'file'),
  named(
    'filename* does not count (127; RFC 7578 4.2)',
    `name="file"; filename="a.txt"; filename*=UTF-8''b.txt`,
    'a.txt',
  ),
  named('not in front either (127)', `name="file"; filename*=UTF-8''b.txt; filename="a.txt"`, 'a.txt'),
  named(
    'nor in pieces (127; RFC 2231 3)',
    `name="file"; filename="a.txt"; filename*0*=UTF-8''b; filename*1="../c.php"`,
    'a.txt',
  ),
  named(
    'nor in capitals, broken, or in another charset (127)',
    `name="file"; FILENAME*=UTF-16''%zz%; filename="a.txt"`,
    'a.txt',
  ),
  {
    name: 'two file names are a 400, in capitals or not (127)',
    body: form(part('name="file"; filename="a.txt"; FileName="b.php"')),
    status: 400,
  },
  {
    name: 'an empty filename is no file, whatever filename* says (127)',
    body: form(part(`name="file"; filename=""; filename*=UTF-8''b.php`, '')),
    status: 201,
  },
  named('tokens need no quotes', 'name=file; filename=a.txt', 'a.txt'),
  named('the order does not matter', 'filename="a.txt"; name="file"', 'a.txt'),
  named('what is not known does not matter', 'name="file"; size=7; filename="a.txt";', 'a.txt'),
  {
    name: 'a part with filename* alone is no file (127)',
    body: form(part(`name="file"; filename*=UTF-8''b.txt`)),
    status: 201,
    fields: { file: 'content' },
  },
  {
    name: 'a name of a field is decoded in the same way (131)',
    body: form(part('name="a%0D%0Ab%22c\\d"', 'x')),
    status: 201,
    fields: { 'a\r\nb"c\\d': 'x' },
  },
  {
    name: 'a bare line feed in a header is a 400 (131)',
    body: form(part('name="file"; filename="a\nb.txt"')),
    status: 400,
  },
  { name: 'a name that does not end is a 400', body: form(part('name="file"; filename="a.txt')), status: 400 },
  { name: 'bytes between parameters are a 400', body: form(part('name="file" x; filename="a.txt"')), status: 400 },
  {
    name: 'a long name full of quotes costs no time (129)',
    body: form(part(`name="file"; filename="${'\\"'.repeat(400)}`)),
    status: 400,
  },
  { name: 'an extension that is denied is a 415 (132)', body: form(file('shell.php')), status: 415 },
  { name: 'in capitals, too (132)', body: form(file('shell.PhP')), status: 415 },
  { name: 'and in front of another one (132)', body: form(file('x.php.jpg')), status: 415 },
  fileNamed('what only looks like one is none', 'x.phpx.jpg', 'x.phpx.jpg'),
]
