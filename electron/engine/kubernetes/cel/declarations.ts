import { BOOL, BYTES, type CelType, DOUBLE, DYN, INT, NULL, opaque, parameter, SCALARS, STRING, typeOf, UINT, listOf, mapOf, optionalOf, DURATION, TIMESTAMP } from './types.ts'

/**
 * What functions there are, and for which types: CEL's standard library (common/stdlib), cel-go's strings (version 2), sets and
 * optionals, and the libraries of Kubernetes v1.33 (apiserver/pkg/cel/library). "receiver.name(…) result"; capitals are parameters.
 */
const FUNCTIONS = `
_==_(A, A) bool
_!=_(A, A) bool
!_(bool) bool
-_(int) int
-_(double) double
_?_:_(bool, A, A) A
_[_](list<A>, int) A
_[_](map<A, B>, A) B
_[_](optional<list<A>>, int) optional<A>
_[_](optional<map<A, B>>, A) optional<B>
_[?_](list<A>, int) optional<A>
_[?_](optional<list<A>>, int) optional<A>
_[?_](map<A, B>, A) optional<B>
_[?_](optional<map<A, B>>, A) optional<B>
@in(A, list<A>) bool
@in(A, map<A, B>) bool
_+_(bytes, bytes) bytes
_+_(double, double) double
_+_(duration, duration) duration
_+_(duration, timestamp) timestamp
_+_(timestamp, duration) timestamp
_+_(int, int) int
_+_(list<A>, list<A>) list<A>
_+_(string, string) string
_+_(uint, uint) uint
_-_(double, double) double
_-_(duration, duration) duration
_-_(int, int) int
_-_(timestamp, duration) timestamp
_-_(timestamp, timestamp) duration
_-_(uint, uint) uint
_*_(double, double) double
_*_(int, int) int
_*_(uint, uint) uint
_/_(double, double) double
_/_(int, int) int
_/_(uint, uint) uint
_%_(int, int) int
_%_(uint, uint) uint
size(bytes) int
size(list<A>) int
size(map<A, B>) int
size(string) int
bytes.size() int
list<A>.size() int
map<A, B>.size() int
string.size() int
string.contains(string) bool
string.endsWith(string) bool
string.startsWith(string) bool
string.matches(string) bool
matches(string, string) bool
bool(bool) bool
bool(string) bool
bytes(bytes) bytes
bytes(string) bytes
double(double) double
double(int) double
double(string) double
double(uint) double
duration(duration) duration
duration(int) duration
duration(string) duration
dyn(A) dyn
int(int) int
int(double) int
int(duration) int
int(string) int
int(timestamp) int
int(uint) int
string(string) string
string(bool) string
string(bytes) string
string(double) string
string(duration) string
string(int) string
string(timestamp) string
string(uint) string
timestamp(timestamp) timestamp
timestamp(int) timestamp
timestamp(string) timestamp
type(A) type<A>
uint(uint) uint
uint(double) uint
uint(int) uint
uint(string) uint
duration.getHours() int
duration.getMinutes() int
duration.getSeconds() int
duration.getMilliseconds() int
string.charAt(int) string
string.indexOf(string) int
string.indexOf(string, int) int
string.lastIndexOf(string) int
string.lastIndexOf(string, int) int
string.lowerAscii() string
string.upperAscii() string
string.trim() string
string.replace(string, string) string
string.replace(string, string, int) string
string.split(string) list<string>
string.split(string, int) list<string>
string.substring(int) string
string.substring(int, int) string
string.format(list<dyn>) string
list<string>.join() string
list<string>.join(string) string
strings.quote(string) string
sets.contains(list<A>, list<A>) bool
sets.equivalent(list<A>, list<A>) bool
sets.intersects(list<A>, list<A>) bool
optional.of(A) optional<A>
optional.ofNonZeroValue(A) optional<A>
optional.none() optional<A>
optional<A>.value() A
optional<A>.hasValue() bool
optional<A>.or(optional<A>) optional<A>
optional<A>.orValue(A) A
list<A>.indexOf(A) int
list<A>.lastIndexOf(A) int
string.find(string) string
string.findAll(string) list<string>
string.findAll(string, int) list<string>
url(string) kubernetes.URL
isURL(string) bool
kubernetes.URL.getScheme() string
kubernetes.URL.getHost() string
kubernetes.URL.getHostname() string
kubernetes.URL.getPort() string
kubernetes.URL.getEscapedPath() string
kubernetes.URL.getQuery() map<string, list<string>>
quantity(string) kubernetes.Quantity
isQuantity(string) bool
kubernetes.Quantity.isInteger() bool
kubernetes.Quantity.asInteger() int
kubernetes.Quantity.asApproximateFloat() double
kubernetes.Quantity.sign() int
kubernetes.Quantity.add(kubernetes.Quantity) kubernetes.Quantity
kubernetes.Quantity.add(int) kubernetes.Quantity
kubernetes.Quantity.sub(kubernetes.Quantity) kubernetes.Quantity
kubernetes.Quantity.sub(int) kubernetes.Quantity
kubernetes.Quantity.isLessThan(kubernetes.Quantity) bool
kubernetes.Quantity.isGreaterThan(kubernetes.Quantity) bool
kubernetes.Quantity.compareTo(kubernetes.Quantity) int
ip(string) net.IP
isIP(string) bool
ip.isCanonical(string) bool
string(net.IP) string
net.IP.family() int
net.IP.isUnspecified() bool
net.IP.isLoopback() bool
net.IP.isLinkLocalMulticast() bool
net.IP.isLinkLocalUnicast() bool
net.IP.isGlobalUnicast() bool
cidr(string) net.CIDR
isCIDR(string) bool
string(net.CIDR) string
net.CIDR.containsIP(string) bool
net.CIDR.containsIP(net.IP) bool
net.CIDR.containsCIDR(string) bool
net.CIDR.containsCIDR(net.CIDR) bool
net.CIDR.ip() net.IP
net.CIDR.masked() net.CIDR
net.CIDR.prefixLength() int
format.named(string) optional<kubernetes.NamedFormat>
kubernetes.NamedFormat.validate(string) optional<list<string>>
semver(string) kubernetes.Semver
semver(string, bool) kubernetes.Semver
isSemver(string) bool
isSemver(string, bool) bool
kubernetes.Semver.major() int
kubernetes.Semver.minor() int
kubernetes.Semver.patch() int
kubernetes.Semver.isLessThan(kubernetes.Semver) bool
kubernetes.Semver.isGreaterThan(kubernetes.Semver) bool
kubernetes.Semver.compareTo(kubernetes.Semver) int
kubernetes.authorization.Authorizer.path(string) kubernetes.authorization.PathCheck
kubernetes.authorization.Authorizer.group(string) kubernetes.authorization.GroupCheck
kubernetes.authorization.Authorizer.serviceAccount(string, string) kubernetes.authorization.Authorizer
kubernetes.authorization.PathCheck.check(string) kubernetes.authorization.Decision
kubernetes.authorization.GroupCheck.resource(string) kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck.subresource(string) kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck.namespace(string) kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck.name(string) kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck.fieldSelector(string) kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck.labelSelector(string) kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck.check(string) kubernetes.authorization.Decision
kubernetes.authorization.Decision.errored() bool
kubernetes.authorization.Decision.error() string
kubernetes.authorization.Decision.allowed() bool
kubernetes.authorization.Decision.reason() string
`

export interface Overload { member: boolean; arguments: readonly CelType[]; result: CelType }

/** Namespaces of functions that are no receivers. */
const NAMESPACES = new Set(['strings', 'sets', 'optional', 'format'])

const FORMATS = ['dns1123Label', 'dns1123Subdomain', 'dns1035Label', 'qualifiedName', 'dns1123LabelPrefix', 'dns1123SubdomainPrefix', 'dns1035LabelPrefix', 'labelValue', 'uri', 'uuid', 'byte', 'date', 'datetime']
const COMPARABLE = [BOOL, BYTES, DOUBLE, DURATION, INT, STRING, TIMESTAMP, UINT]
const NUMBERS = [DOUBLE, INT, UINT]
const CLOCK_PARTS = ['getFullYear', 'getMonth', 'getDayOfYear', 'getDayOfMonth', 'getDate', 'getDayOfWeek', 'getHours', 'getMinutes', 'getSeconds', 'getMilliseconds']

let functions: Map<string, Overload[]> | undefined

/** The overloads of a function, in the order in which they are tried. */
export function overloadsOf(name: string): readonly Overload[] | undefined {
  return (functions ??= declared()).get(name)
}

/** What a name in the place of a value is: "int", "google.protobuf.Duration" are types. */
export const TYPE_NAMES: ReadonlyMap<string, CelType> = new Map([
  ...[BOOL, BYTES, DOUBLE, DURATION, INT, NULL, STRING, TIMESTAMP, UINT].map((type): [string, CelType] => [type.name, typeOf(type)]),
  ['list', typeOf(listOf(DYN))], ['map', typeOf(mapOf(DYN, DYN))], ['type', typeOf({ kind: 'type', name: 'type', of: [] })], ['dyn', typeOf(DYN)], ['optional_type', typeOf(optionalOf(DYN))],
  ...['kubernetes.URL', 'kubernetes.Quantity', 'kubernetes.NamedFormat', 'kubernetes.Semver', 'net.IP', 'net.CIDR'].map((name): [string, CelType] => [name, typeOf(opaque(name))]),
])

function declared(): Map<string, Overload[]> {
  const out = new Map<string, Overload[]>()
  const add = (name: string, overload: Overload): void => {
    const known = out.get(name)
    if (known) known.push(overload)
    else out.set(name, [overload])
  }
  for (const line of FUNCTIONS.trim().split('\n')) {
    const [, head = '', args = '', result = ''] = /^(.+?)\(([^)]*)\) (.+)$/.exec(line)!
    const dot = head.startsWith('_') ? -1 : head.lastIndexOf('.')
    const receiver = dot < 0 || NAMESPACES.has(head.slice(0, dot)) || head === 'ip.isCanonical' ? undefined : head.slice(0, dot)
    const given = args === '' ? [] : splitTypes(args).map(parseType)
    add(receiver === undefined ? head : head.slice(dot + 1), { member: receiver !== undefined, arguments: receiver === undefined ? given : [parseType(receiver), ...given], result: parseType(result) })
  }
  for (const name of ['_<_', '_<=_', '_>_', '_>=_']) {
    for (const type of COMPARABLE) add(name, { member: false, arguments: [type, type], result: BOOL })
    for (const a of NUMBERS) for (const b of NUMBERS) if (a !== b) add(name, { member: false, arguments: [a, b], result: BOOL })
  }
  for (const type of COMPARABLE) {
    add('isSorted', { member: true, arguments: [listOf(type)], result: BOOL })
    for (const name of ['max', 'min']) add(name, { member: true, arguments: [listOf(type)], result: type })
    if (NUMBERS.includes(type) || type === DURATION) add('sum', { member: true, arguments: [listOf(type)], result: type })
  }
  for (const name of CLOCK_PARTS) {
    add(name, { member: true, arguments: [TIMESTAMP], result: INT })
    add(name, { member: true, arguments: [TIMESTAMP, STRING], result: INT })
  }
  for (const name of FORMATS) add(`format.${name}`, { member: false, arguments: [], result: opaque('kubernetes.NamedFormat') })
  return out
}

/** "list<A>, map<string, B>": at the commas that stand outside. */
function splitTypes(text: string): string[] {
  return text.split(/,(?![^<]*>) */).map((part) => part.trim())
}

function parseType(text: string): CelType {
  const [, name = text, inner] = /^(\w+)<(.*)>$/.exec(text) ?? []
  if (inner !== undefined) {
    const of = splitTypes(inner).map(parseType)
    return name === 'list' ? listOf(of[0]!) : name === 'map' ? mapOf(of[0]!, of[1]!) : name === 'type' ? typeOf(of[0]!) : optionalOf(of[0]!)
  }
  if (/^[A-Z]$/.test(text)) return parameter(text)
  return SCALARS[text] ?? opaque(text)
}
