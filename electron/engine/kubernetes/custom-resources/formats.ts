import { byName } from '../../own.ts'

/** The formats that CustomResourceDefinitions may name (apiextensions pkg/apiserver/validation/formats.go, strfmt); others are ignored. */
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i

const FORMATS: Readonly<Record<string, (text: string) => boolean>> = byName({
  bsonobjectid: (t) => /^[0-9a-f]{24}$/i.test(t),
  uri: (t) => /^[a-z][a-z0-9+.-]*:\S+$/i.test(t) || /^\/\S*$/.test(t),
  email: (t) => /^[^\s@<>]+@[^\s@<>]+$/.test(t) || /^[^<>]*<[^\s@<>]+@[^\s@<>]+>$/.test(t),
  hostname: (t) => t.length <= 255 && /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?$/i.test(t),
  ipv4: isV4,
  ipv6: isV6,
  cidr: (t) => {
    const match = /^(.+)\/(\d{1,3})$/.exec(t)
    return match !== null && (isV4(match[1]!) ? Number(match[2]) <= 32 : isV6(match[1]!) && Number(match[2]) <= 128)
  },
  mac: (t) => /^([0-9a-f]{2}[:-]){5}([0-9a-f]{2})$|^([0-9a-f]{2}[:-]){7}([0-9a-f]{2})$|^([0-9a-f]{4}\.){2}[0-9a-f]{4}$/i.test(t),
  uuid: (t) => UUID.test(t),
  uuid3: (t) => UUID.test(t) && t.replaceAll('-', '')[12] === '3',
  uuid4: (t) => UUID.test(t) && t.replaceAll('-', '')[12] === '4' && /[89ab]/i.test(t.replaceAll('-', '')[16]!),
  uuid5: (t) => UUID.test(t) && t.replaceAll('-', '')[12] === '5' && /[89ab]/i.test(t.replaceAll('-', '')[16]!),
  hexcolor: (t) => /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.test(t),
  rgbcolor: (t) => /^rgb\(\s*(25[0-5]|2[0-4]\d|1?\d?\d)\s*,\s*(25[0-5]|2[0-4]\d|1?\d?\d)\s*,\s*(25[0-5]|2[0-4]\d|1?\d?\d)\s*\)$/.test(t),
  ssn: (t) => /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(t),
  byte: (t) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(t),
  password: () => true,
  date: (t) => /^\d{4}-\d\d-\d\d$/.test(t) && isDay(t),
  datetime: (t) => /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)$/.test(t) && isDay(t.slice(0, 10)),
  duration: (t) => /^[+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))*$/.test(t) || t === '0' || /^\s*\d+\s*(ns|nano(second)?s?|us|micros?|ms|millis?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|hrs?|d|days?|w|weeks?)\s*$/.test(t),
})

/** Whether a text has a format; undefined: that format is not known, and means nothing. */
export function hasFormat(format: string, text: string): boolean | undefined {
  return FORMATS[format.replaceAll('-', '')]?.(text)
}
export function isKnownFormat(format: string | undefined): format is string {
  return format !== undefined && Object.hasOwn(FORMATS, format.replaceAll('-', ''))
}

function isDay(text: string): boolean {
  const at = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text)
}

function isV4(text: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(text) && text.split('.').every((part) => Number(part) <= 255 && (part === '0' || !part.startsWith('0')))
}

function isV6(text: string): boolean {
  if (!text.includes(':')) return false
  const halves = text.split('::')
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  const last = groups.at(-1)
  const four = last?.includes('.') === true
  if (four && !isV4(last)) return false
  const count = groups.length + (four ? 1 : 0)
  return groups.slice(0, four ? -1 : undefined).every((group) => /^[0-9a-f]{1,4}$/i.test(group)) && (halves.length === 2 ? count < 8 : count === 8)
}
