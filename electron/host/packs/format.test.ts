import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { appFolder } from '../layout.ts'
import { readFiles } from '../labs.ts'
import { PackError, readPack, writePack } from './format.ts'
import { ABOUT, entriesOf, entry, packOf, someLab } from './packs.samples.ts'

const RUNS = Number(process.env['PODHOP_RUNS'] ?? (process.env['PODHOP_DEEP'] ? 2000 : 150))
const good = [entry('pack.yaml', ABOUT), ...entriesOf('lab-a', someLab('lab-a'))]
const checksummed = (archive: Uint8Array): Uint8Array => {
  let sum = 0
  for (let i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 32 : archive[i]!
  archive.set(Buffer.from(`${sum.toString(8).padStart(6, '0')}\0 `), 148)
  return archive
}
const said = (bytes: Uint8Array): string => {
  try {
    readPack(bytes)
    return 'taken'
  } catch (error) {
    if (!(error instanceof PackError)) throw error
    return error.message
  }
}

describe('a pack', () => {
  it('holds what went in, and the same labs give the same bytes in any order', () => {
    const labs = new Map(['pod-to-pod', 'silent-service'].map((id) => [id, readFiles(join(appFolder(), 'labs', id))]))
    const bytes = writePack({ id: 'two', title: 'Two: "labs"' }, labs)
    const pack = readPack(bytes)
    expect([pack.id, pack.title, pack.labs.map((lab) => lab.id)]).toEqual(['two', 'Two: "labs"', ['pod-to-pod', 'silent-service']])
    for (const found of pack.labs) expect(new Map([...found.lab.files].sort())).toEqual(new Map([...labs.get(found.id)!].sort()))
    expect(writePack({ id: 'two', title: 'Two: "labs"' }, new Map([...labs].reverse().map(([id, files]) => [id, new Map([...files].reverse())])))).toEqual(bytes)
  })

  it.skipIf(spawnSync('tar', ['--version']).status !== 0)('is an archive that tar reads, and one that GNU tar made of the same files is a pack', () => {
    const folder = mkdtempSync(join(tmpdir(), 'podhop-pack-'))
    writeFileSync(join(folder, 'p.tgz'), writePack({ id: 'shop', title: 'Shop' }, new Map([['lab-a', someLab('lab-a')]])))
    execFileSync('tar', ['-xzf', 'p.tgz'], { cwd: folder })
    expect(readFileSync(join(folder, 'labs/lab-a/steps/1.md'), 'utf8')).toBe('Do it.\n')
    execFileSync('tar', ['--format=ustar', '-czf', 'own.tgz', './pack.yaml', './labs'], { cwd: folder })
    expect(readPack(readFileSync(join(folder, 'own.tgz'))).fingerprint).toBe(readPack(readFileSync(join(folder, 'p.tgz'))).fingerprint)
  })

  it.each([
    ['a path out of it', [...good, entry('labs/../../etc/x')], '"labs/../../etc/x" is no path of a pack'],
    ['an absolute path', [...good, entry('/etc/x')], '"/etc/x" is no path of a pack'],
    ["another system's path", [...good, entry('labs\\lab-a\\x')], 'is no path of a pack'],
    ['a drive', [...good, entry('C:/x')], '"C:/x" is no path of a pack'],
    ['a hidden file', [...good, entry('labs/lab-a/.bashrc')], 'is no path of a pack'],
    ['a name that does not show', [...good, entry('labs/lab-a/\x1b[2J')], 'is no path of a pack'],
    ['a name in two ways of writing', [...good, entry('labs/lab-a/Steps/1.md', 'x')], '"labs/lab-a/Steps/1.md" is in it twice'],
    ['a file twice', [...good, entry('pack.yaml', ABOUT)], '"pack.yaml" is in it twice'],
    ['a symbolic link', [...good, entry('labs/lab-a/link', '', { type: 'symlink', target: '/etc/passwd' })], '"labs/lab-a/link" is a link or something else that is no plain file'],
    ['a file beside', [...good, entry('readme.md', 'x')], '"readme.md" is neither pack.yaml nor in a folder below labs/'],
    ['a file beside the labs', [...good, entry('labs/x', 'x')], '"labs/x" is neither'],
    ['no description', good.slice(1), 'has no pack.yaml'],
    ['no lab', good.slice(0, 1), 'holds no lab'],
    ['another format', [entry('pack.yaml', 'format: 2\nid: shop\ntitle: Shop\n'), ...good.slice(1)], 'pack.yaml: format: expected 1'],
    ['an id that is a path', [entry('pack.yaml', 'format: 1\nid: ../x\ntitle: Shop\n'), ...good.slice(1)], 'pack.yaml: id: expected lower-case'],
    ['a title that moves the cursor', [entry('pack.yaml', 'format: 1\nid: shop\ntitle: "\\e[2JShop"\n'), ...good.slice(1)], 'pack.yaml: title: has characters that do not show'],
    ['a prototype', [entry('pack.yaml', `${ABOUT}__proto__: {x: 1}\n`), ...good.slice(1)], 'pack.yaml: pack: has unknown keys'],
    ['bytes that are no text', [...good, entry('labs/lab-a/x', Uint8Array.of(0xff, 0xfe))], '"labs/lab-a/x" is no text in UTF-8'],
    ['a large file', [...good, entry('labs/lab-a/x', 'x'.repeat(1_000_001))], '"labs/lab-a/x" is larger than 1 MB'],
    ['a large lab', [...good, ...[1, 2, 3, 4, 5, 6].map((n) => entry(`labs/lab-a/${n}`, 'x'.repeat(900_000)))], 'the lab "lab-a" is larger than allowed: 5 MB and 500 files'],
    ['a bomb', [...good, ...Array.from({ length: 25 }, (_, n) => entry(`labs/lab-${n}/x`, '0'.repeat(1_000_000)))], 'is larger than 20 MB when unpacked'],
    ['many files', [...good, ...Array.from({ length: 3001 }, (_, n) => entry(`labs/lab-b/${n}`))], 'holds more than 3000 files'],
    ['many labs', [...good, ...Array.from({ length: 101 }, (_, n) => entry(`labs/lab-${n}/lab.yaml`))], 'holds more than 100 labs'],
    ["a lab that is another's", [...good, ...entriesOf('lab-b', someLab('lab-a'))], 'lab-b/lab.yaml:1:5: id: is "lab-a", expected the folder\'s name "lab-b"'],
    ["a lab's title that turns the writing", [...good, ...entriesOf('lab-b', someLab('lab-b', (y) => y.replace('title: The lab', 'title: "\\u202e lab"\n#')))], 'lab-b/lab.yaml: title: has characters that do not show'],
    ['aliases', [...good, ...entriesOf('lab-b', someLab('lab-b', (y) => `${y}cluster2: [&a [1,1,1,1,1,1], &b [*a,*a,*a,*a,*a,*a], &c [*b,*b,*b,*b,*b,*b], [*c,*c,*c,*c,*c,*c]]\n`))], 'lab-b/lab.yaml:1:1: expected fewer YAML aliases'],
    ['YAML without a floor', [...good, ...entriesOf('lab-b', someLab('lab-b', (y) => `${y}x: ${'['.repeat(900_000)}`))], 'lab-b/lab.yaml:1:1: expected YAML nested less deep'],
    ['lists without a floor', [...good, ...entriesOf('lab-b', someLab('lab-b', (y) => `${y}x:\n  ${'- '.repeat(400_000)}`))], 'lab-b/lab.yaml:1:1: expected YAML nested less deep'],
    ['a manifest without a floor', [...good, ...entriesOf('lab-b', someLab('lab-b', (y) => `${y}setup: [m.yaml]\n`)), entry('labs/lab-b/m.yaml', '{a: '.repeat(200_000))], 'lab-b/m.yaml:1:1: expected YAML nested less deep'],
    ['an expression that is none', [...good, ...entriesOf('lab-b', someLab('lab-b', (y) => y.replace('name: web,', "name: web, where: [{path: '{.status.phase}', matches: '['}, {path: '{.a[}', exists: true}],")))], "lab-b/lab.yaml:12:120: steps[0].checks[0].where[0].matches: not a regular expression\nlab-b/lab.yaml:12:133: steps[0].checks[0].where[1].path: not a kubectl JSONPath"],
    ['a pack.yaml without a floor', [entry('pack.yaml', '['.repeat(900_000)), ...good.slice(1)], 'pack.yaml: not YAML'],
  ])('with %s is refused', (_what, entries, words) => {
    expect(said(packOf(entries))).toContain(words)
  })

  it('of what is no archive is refused', () => {
    expect(said(new Uint8Array(0))).toMatch(/^is no pack/)
    expect(said(gzipSync('hello'))).toMatch(/^is no pack/)
    expect(said(gzipSync(Buffer.alloc(100_000)))).toMatch(/^has no pack.yaml/)
    expect(said(packOf(good).subarray(0, 200))).toMatch(/^is no pack/)
    expect(said(packOf(good, (archive) => archive.subarray(0, 530)))).toMatch(/^is cut off/)
    expect(said(new Uint8Array(8_000_001))).toBe('is larger than 8 MB')
  })

  it.each(['1', '3', '4', '6', 'x', 'g'])('with an entry of the type %s is refused', (flag) => {
    expect(said(packOf(good, (archive) => {
      archive[156] = flag.charCodeAt(0)
      return checksummed(archive)
    }))).toBe('"pack.yaml" is a link or something else that is no plain file')
  })

  it.each(['-0000001000', '77777777777', 'xxxxxxxxxxx'])('with an entry of the size %s ends', (size) => {
    expect(said(packOf(good, (archive) => {
      archive.set(Buffer.from(`${size}\0`), 124)
      return checksummed(archive)
    }))).not.toBe('taken')
  })

  it('whose bytes are spoilt is read or refused, and nothing else happens', () => {
    const archive = gunzipSync(packOf(good))
    const change = fc.tuple(fc.nat({ max: archive.length - 1 }), fc.nat({ max: 255 }))
    fc.assert(fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.boolean(), fc.nat({ max: archive.length }), (changes, mended, length) => {
      const spoilt = Uint8Array.from(archive)
      for (const [at, byte] of changes) spoilt[at] = byte
      expect(said(gzipSync(mended ? checksummed(spoilt) : spoilt.subarray(0, Math.max(length, 512)))).length).toBeGreaterThan(0)
    }), { numRuns: RUNS })
  })

  it('of any names and texts is read or refused; what is read has no path out of it', () => {
    const name = fc.oneof(fc.constantFrom('pack.yaml', 'labs/lab-a/lab.yaml', 'labs/__proto__/lab.yaml', 'labs/constructor/x', '..', 'labs/./x', 'labs//x', 'labs/lab-a/steps/1.md'), fc.array(fc.constantFrom('labs', 'lab-a', '..', '.', '', '~', 'x', '\u0000', 'con', '\\', ':'), { maxLength: 5 }).map((p) => p.join('/')), fc.string({ unit: 'binary', maxLength: 120 }))
    const text = fc.oneof(fc.constantFrom(ABOUT, '', '- x', 'null', '*a', '? :', '&a [*a]', ...someLab('lab-a').values()), fc.string({ maxLength: 60, unit: 'binary' }))
    fc.assert(fc.property(fc.array(fc.tuple(name, text), { maxLength: 8 }), (files) => {
      const bytes = packOf([...files.map(([n, t]) => entry(n, t)), ...(files.length % 2 ? good : [])])
      if (said(bytes) !== 'taken') return
      for (const lab of readPack(bytes).labs) for (const path of [lab.id, ...lab.lab.files.keys()]) expect(path).not.toMatch(/\.\.(\/|$)|^\/|\\|[\0-\x1f]/)
    }), { numRuns: RUNS })
  })
})
