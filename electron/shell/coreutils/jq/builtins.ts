import { decodeUtf8, encodeUtf8 } from '../../../engine/text.ts'
import { decodeBase64, encodeBase64 } from '../../../engine/kubernetes/base64.ts'
import { GuardedRegExp } from '../../regex/guarded.ts'
import { formatTime } from '../strftime.ts'
import type { Json } from './ast.ts'
import { JqError, compare, isObject, shortText, sorted, toText, typeOf } from './values.ts'

/** What jq defines in its own language (its builtin.jq). */
export const DEFINITIONS = `
def map(f): [.[] | f];
def select(f): if f then . else empty end;
def recurse(f): def r: ., (f | r); r;
def recurse: recurse(.[]?);
def recurse(f; c): def r: ., (f | select(c) | r); r;
def values: select(. != null);
def nulls: select(. == null);
def booleans: select(type == "boolean");
def numbers: select(type == "number");
def strings: select(type == "string");
def arrays: select(type == "array");
def objects: select(type == "object");
def iterables: select(type == "array" or type == "object");
def scalars: select(type != "array" and type != "object");
def map_values(f): .[] |= f;
def to_entries: [keys_unsorted[] as $k | {key: $k, value: .[$k]}];
def from_entries: reduce .[] as $e ({}; . + {($e | if type == "object" then (if has("key") then .key elif has("k") then .k elif has("name") then .name elif has("Name") then .Name else .Key end) else . end | if type == "string" then . else tojson end): ($e | if has("value") then .value elif has("v") then .v else .Value end)});
def with_entries(f): to_entries | map(f) | from_entries;
def any: reduce .[] as $x (false; . or $x);
def all: reduce .[] as $x (true; . and $x);
def any(f): reduce (.[] | f) as $x (false; . or $x);
def all(f): reduce (.[] | f) as $x (true; . and $x);
def any(g; f): reduce (g | f) as $x (false; . or $x);
def all(g; f): reduce (g | f) as $x (true; . and $x);
def add: reduce .[] as $x (null; . + $x);
def add(f): reduce f as $x (null; . + $x);
def range($n): range(0; $n);
def last(f): reduce f as $x (null; $x);
def nth($n): .[$n];
def nth($n; f): last(limit($n + 1; f));
def first: .[0];
def last: .[-1];
def until(c; u): def r: if c then . else (u | r) end; r;
def while(c; u): def r: if c then ., (u | r) else empty end; r;
def repeat(f): def r: ., (f | r); r;
def in(x): . as $k | x | has($k);
def inside(x): . as $k | x | contains($k);
def paths(f): path(.. | select(f)) | select(length > 0);
def leaf_paths: paths(scalars);
def walk(f): def w: if type == "object" then map_values(w) elif type == "array" then map(w) else . end | f; w;
def test($re): test($re; null);
def match($re): match($re; null);
def capture($re): capture($re; null);
def scan($re): match($re; "g") | if (.captures | length) > 0 then [.captures[].string] else .string end;
def capture($re; $flags): match($re; $flags) | [.captures[] | select(.name != null) | {key: .name, value: .string}] | from_entries;
def match($re; $flags): matches($re; $flags)[];
def sub($re; s): . as $in | [matches($re; null)[]] | if length == 0 then $in else .[0] as $m | $in[:$m.offset] + ($m | [.captures[] | select(.name != null) | {key: .name, value: .string}] | from_entries | s) + $in[$m.offset + $m.length:] end;
def gsub($re; s): . as $in | reduce (matches($re; "g") | reverse)[] as $m ($in; .[:$m.offset] + ($m | [.captures[] | select(.name != null) | {key: .name, value: .string}] | from_entries | s) + .[$m.offset + $m.length:]);
def ascii: [.] | implode;
def todate: strftime("%Y-%m-%dT%H:%M:%SZ");
def fromdate: fromdateiso8601;
def env: $ENV;
def halt_error: error;
def combinations: if length == 0 then [] else .[0][] as $x | (.[1:] | combinations) as $w | [$x] + $w end;
def ltrimstr: .;
`

type BuiltinFunction = (input: Json, args: readonly Json[]) => Json

function list(value: Json, verb: string): Json[] {
  if (!Array.isArray(value)) throw new JqError(`${typeOf(value)} (${shortText(value)}) cannot be ${verb}, as it is not an array`)
  return value
}

function codePoint(value: Json): string {
  if (typeof value !== 'number') throw new JqError('Unicode codepoint must be numeric')
  const code = Math.trunc(value)
  return String.fromCodePoint(code >= 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? code : 0xfffd)
}

function text(value: Json, what: string): string {
  if (typeof value !== 'string') throw new JqError(`${typeOf(value)} (${shortText(value)}) ${what}`)
  return value
}

function numeric(name: string, apply: (n: number) => number): BuiltinFunction {
  return (input) => {
    if (typeof input !== 'number') throw new JqError(`${typeOf(input)} (${shortText(input)}) number required`)
    void name
    return apply(input)
  }
}

function keysOf(value: Json): Json[] {
  if (Array.isArray(value)) return value.map((_, i) => i)
  if (isObject(value)) return Object.keys(value)
  throw new JqError(`${typeOf(value)} (${shortText(value)}) has no keys`)
}

function contains(a: Json, b: Json): boolean {
  if (isObject(a) && isObject(b)) return Object.keys(b).every((k) => Object.hasOwn(a, k) && contains(a[k]!, b[k]!))
  if (Array.isArray(a) && Array.isArray(b)) return b.every((y) => a.some((x) => typeOf(x) === typeOf(y) && contains(x, y)))
  if (typeof a === 'string' && typeof b === 'string') return a.includes(b)
  if (typeOf(a) === typeOf(b)) return compare(a, b) === 0
  throw new JqError(`${typeOf(a)} (${shortText(a)}) and ${typeOf(b)} (${shortText(b)}) cannot have their containment checked`)
}

function flatten(value: readonly Json[], depth: number): Json[] {
  return value.flatMap((v) => (Array.isArray(v) && depth > 0 ? flatten(v, depth - 1) : [v]))
}

function unique(value: readonly Json[]): Json[] {
  return value.toSorted(compare).filter((v, i, all) => i === 0 || compare(all[i - 1]!, v) !== 0)
}

function matches(input: Json, pattern: Json, flags: Json): Json[] {
  const subject = text(input, 'cannot be matched, as it is not a string')
  const letters = typeof flags === 'string' ? flags : ''
  let expression: RegExp
  try {
    expression = new GuardedRegExp(text(pattern, 'cannot be matched, as it is not a string').replace(/\(\?<(\w+)>/g, '(?<$1>'), 'gdu' + (letters.includes('i') ? 'i' : '') + (letters.includes('s') ? 's' : ''))
  } catch {
    throw new JqError(`${String(pattern)} (at offset 0) is not a valid regex`)
  }
  const out: Json[] = []
  for (const m of subject.matchAll(expression)) {
    const names = Object.keys(m.groups ?? {})
    const used = new Set<string>()
    const captures = m.slice(1).map((string, i): Json => {
      const span = m.indices?.[i + 1]
      const name = names.find((n) => !used.has(n) && m.indices?.groups?.[n] === span && m.groups?.[n] === string)
      if (name) used.add(name)
      return { offset: span ? span[0] : -1, length: string?.length ?? 0, string: string ?? null, name: name ?? null }
    })
    out.push({ offset: m.index, length: m[0].length, string: m[0], captures })
    if (!letters.includes('g')) break
  }
  return out
}

export const BUILTIN_FUNCTIONS: Readonly<Record<string, BuiltinFunction>> = {
  'length/0': (v) => (v === null ? 0 : typeof v === 'number' ? Math.abs(v) : typeof v === 'string' ? [...v].length : Array.isArray(v) ? v.length : isObject(v) ? Object.keys(v).length : fail(`boolean (${v}) has no length`)),
  'utf8bytelength/0': (v) => encodeUtf8(text(v, 'only strings have UTF-8 byte length')).length,
  'not/0': (v) => v === null || v === false,
  'keys/0': (v) => keysOf(v).toSorted(compare),
  'keys_unsorted/0': (v) => keysOf(v),
  'has/1': (v, [key]) => (isObject(v) && typeof key === 'string' ? Object.hasOwn(v, key) : Array.isArray(v) && typeof key === 'number' ? key >= 0 && key < v.length : fail(`Cannot check whether ${typeOf(v)} has a ${typeof key === 'string' ? 'string' : typeOf(key!)} key`)),
  'contains/1': (v, [b]) => contains(v, b!),
  'type/0': (v) => typeOf(v),
  'tostring/0': (v) => (typeof v === 'string' ? v : toText(v)),
  'tojson/0': (v) => toText(v),
  'fromjson/0': (v) => parseJson(text(v, 'cannot be parsed')),
  'tonumber/0': (v) => (typeof v === 'number' ? v : typeof v === 'string' && v.trim() !== '' && !Number.isNaN(Number(v)) ? Number(v) : fail(typeof v === 'string' ? `Cannot parse '${v}' as JSON` : `${typeOf(v)} (${shortText(v)}) cannot be parsed as a number`)),
  'sort/0': (v) => list(v, 'sorted').toSorted(compare),
  'unique/0': (v) => unique(list(v, 'sorted')),
  'reverse/0': (v) => (typeof v === 'string' ? [...v].reverse().join('') : v === null ? [] : list(v, 'reversed').toReversed()),
  'min/0': (v) => list(v, 'sorted').reduce<Json>((m, x, i) => (i === 0 || compare(x, m) < 0 ? x : m), null),
  'max/0': (v) => list(v, 'sorted').reduce<Json>((m, x, i) => (i === 0 || compare(x, m) >= 0 ? x : m), null),
  'flatten/0': (v) => flatten(list(v, 'flattened'), Infinity),
  'flatten/1': (v, [depth]) => flatten(list(v, 'flattened'), Number(depth)),
  'join/1': (v, [separator]) => list(v, 'joined').map((x) => (x === null ? '' : typeof x === 'string' ? x : typeof x === 'object' ? fail(`Cannot join with ${typeOf(x)}`) : toText(x))).join(String(separator)),
  'split/1': (v, [separator]) => (text(v, 'cannot be split') === '' ? [] : (v as string).split(String(separator))),
  'ascii_downcase/0': (v) => text(v, 'explode input must be a string').replace(/[A-Z]/g, (c) => c.toLowerCase()),
  'ascii_upcase/0': (v) => text(v, 'explode input must be a string').replace(/[a-z]/g, (c) => c.toUpperCase()),
  'startswith/1': (v, [p]) => (typeof v === 'string' && typeof p === 'string' ? v.startsWith(p) : fail('startswith() requires string inputs')),
  'endswith/1': (v, [p]) => (typeof v === 'string' && typeof p === 'string' ? v.endsWith(p) : fail('endswith() requires string inputs')),
  'ltrimstr/1': (v, [p]) => (typeof v === 'string' && typeof p === 'string' && v.startsWith(p) ? v.slice(p.length) : v),
  'rtrimstr/1': (v, [p]) => (typeof v === 'string' && typeof p === 'string' && p !== '' && v.endsWith(p) ? v.slice(0, -p.length) : v),
  'trim/0': (v) => text(v, 'cannot be trimmed').trim(),
  'explode/0': (v) => [...text(v, 'cannot be exploded')].map((c) => c.codePointAt(0)!),
  'implode/0': (v) => list(v, 'imploded').map(codePoint).join(''),
  'index/1': (v, [s]) => (typeof v === 'string' ? nonNegative(v.indexOf(String(s))) : nonNegative(list(v, 'searched').findIndex((x) => compare(x, s!) === 0))),
  'rindex/1': (v, [s]) => (typeof v === 'string' ? nonNegative(v.lastIndexOf(String(s))) : nonNegative(list(v, 'searched').findLastIndex((x) => compare(x, s!) === 0))),
  'indices/1': (v, [s]) => (typeof v === 'string' ? [...Array(v.length).keys()].filter((i) => v.startsWith(String(s), i)) : list(v, 'searched').flatMap((x, i) => (compare(x, s!) === 0 ? [i] : []))),
  'test/2': (v, [re, flags]) => matches(v, re!, flags!).length > 0,
  'matches/2': (v, [re, flags]) => matches(v, re!, flags!),
  'floor/0': numeric('floor', Math.floor),
  'ceil/0': numeric('ceil', Math.ceil),
  'round/0': numeric('round', Math.round),
  'sqrt/0': numeric('sqrt', Math.sqrt),
  'fabs/0': numeric('fabs', Math.abs),
  'log/0': numeric('log', Math.log),
  'exp/0': numeric('exp', Math.exp),
  'pow/2': (_, [a, b]) => Number(a) ** Number(b),
  'infinite/0': () => Infinity,
  'nan/0': () => NaN,
  'isnan/0': (v) => typeof v === 'number' && Number.isNaN(v),
  'transpose/0': (v) => {
    const rows = list(v, 'transposed') as Json[][]
    return Array.from({ length: Math.max(0, ...rows.map((r) => r.length)) }, (_, i) => rows.map((r) => r[i] ?? null))
  },
  'tojsonsorted/0': (v) => toText(sorted(v)),
  'fromdateiso8601/0': (v) => {
    const m = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/.exec(text(v, 'cannot be parsed as a date'))
    if (!m) throw new JqError(`date "${v}" does not match format "%Y-%m-%dT%H:%M:%SZ"`)
    return Date.UTC(Number(m[1]), Number(m[2]) - 1, Number(m[3]), Number(m[4]), Number(m[5]), Number(m[6])) / 1000
  },
  'strftime/1': (v, [format]) => formatTime(Number(v) * 1000, String(format)),
  'splits/1': (v, [re]) => String(v).split(new GuardedRegExp(String(re), 'u')),
  'ascii/0': (v) => String.fromCharCode(Number(v)),
  '@base64d/0': (v) => formatValue('@base64d', v),
}

function nonNegative(n: number): Json {
  return n < 0 ? null : n
}

function fail(message: string): never {
  throw new JqError(message)
}

export function parseJson(source: string): Json {
  try {
    return JSON.parse(source) as Json
  } catch {
    throw new JqError(`${source.slice(0, 40)} (while parsing '${source.slice(0, 40)}')`)
  }
}

/** @csv, @tsv, @base64 and their kin. */
export function formatValue(name: string, value: Json): string {
  const plain = typeof value === 'string' ? value : toText(value)
  switch (name) {
    case '@text':
      return plain
    case '@json':
      return toText(value)
    case '@base64':
      return encodeBase64(encodeUtf8(plain))
    case '@base64d': {
      const bytes = decodeBase64(plain.padEnd(Math.ceil(plain.length / 4) * 4, '='))
      if (typeof bytes === 'number') throw new JqError(`string (${shortText(value)}) is not valid base64 data`)
      return decodeUtf8(bytes)
    }
    case '@uri':
      return [...encodeUtf8(plain)].map((b) => (/[A-Za-z0-9\-_.~]/.test(String.fromCharCode(b)) ? String.fromCharCode(b) : '%' + b.toString(16).toUpperCase().padStart(2, '0'))).join('')
    case '@html':
      return plain.replace(/[<>&'"]/g, (c) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;', "'": '&#39;', '"': '&quot;' })[c]!)
    case '@sh':
      return (Array.isArray(value) ? value : [value]).map((v) => (typeof v === 'string' ? `'${v.replace(/'/g, "'\\''")}'` : typeof v === 'object' && v !== null ? fail(`${typeOf(v)} (${shortText(v)}) can not be escaped for shell`) : toText(v))).join(' ')
    case '@csv':
    case '@tsv': {
      if (!Array.isArray(value)) throw new JqError(`${typeOf(value)} (${shortText(value)}) cannot be ${name.slice(1)}-formatted, only an array can be`)
      return value.map((v) => {
        if (typeof v === 'object' && v !== null) throw new JqError(`${typeOf(v)} (${shortText(v)}) is not valid in a csv row`)
        if (v === null) return ''
        if (typeof v !== 'string') return toText(v)
        return name === '@csv' ? `"${v.replace(/"/g, '""')}"` : v.replace(/\\/g, '\\\\').replace(/\t/g, '\\t').replace(/\n/g, '\\n').replace(/\r/g, '\\r')
      }).join(name === '@csv' ? ',' : '\t')
    }
    default:
      throw new JqError(`${name.slice(1)} is not a valid format`)
  }
}
