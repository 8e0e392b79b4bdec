import { canonicalIp, tryParseCidr } from '../../network/address.ts'

/**
 * What annotations may be (--enable-annotation-validation, on since v1.12; internal/ingress/annotations/parser/validators.go, and each
 * annotation's own Parse): the validator, and what becomes of an Ingress with another value. "refused": all of it is left out, and the
 * admission webhook says no; "denied": its places answer 503; "ignored": as if it were not said.
 */
type Test = (value: string) => boolean
type Consequence = 'refused' | 'denied' | 'ignored'

const CHARS = '\\-._~a-zA-Z0-9/:'
/** `spaces`: they are taken away before. */
const like = (expression: RegExp, spaces = true): Test => (value) => expression.test(spaces ? value.replaceAll(' ', '') : value) && !/[\r\n]/.test(value)
const BOOL: Test = (value) => /^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(value)
const INT: Test = (value) => /^[+-]?[0-9]+$/.test(value)
const CIDRS: Test = (value) => value.split(',').map((part) => part.trim()).every((part) => canonicalIp(part) !== undefined || tryParseCidr(part) !== undefined)
const SIZE = like(/^\d+[bkmg]?$/i)
const BASIC = like(new RegExp(`^[${CHARS}]*$`))
const URL = new RegExp(`^[${CHARS},?&=]*$`)
const URL_WITH_VARIABLES = like(new RegExp(`^[${CHARS}, ?&=$]*$`))
const PATH_WITH_CAPTURE = new RegExp(`^[${CHARS}$]*$`)
const PATTERN = new RegExp(`^[${CHARS}^$[\\](){}*+?|&=\\\\]*$`)
const HEADERS = like(/^[A-Za-z0-9\-_, ]*$/)
const SERVER_NAME: Test = (value) => PATTERN.test(value.trim())
const ON_OFF = like(/^(on|off)$/)
const LABEL: Test = (value) => value.length <= 63 && /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(value)
const oneOf = (options: readonly string[], fold = false): Test => (value) => options.includes(fold ? value.trim().toLowerCase() : value.trim())

const REFUSED: Readonly<Record<string, Test>> = {
  'server-alias': (value) => value.split(',').every(SERVER_NAME), 'auth-type': like(/basic|digest/), 'auth-secret-type': like(/auth-file|auth-map/), 'auth-realm': like(new RegExp(`^[${CHARS} ]*$`), false), 'auth-url': URL_WITH_VARIABLES,
  'custom-http-errors': like(/^(?:[4,5]\d{2},?)*$/), 'default-backend': LABEL, 'limit-rpm': INT, 'limit-rps': INT, 'limit-connections': INT, 'limit-allowlist': CIDRS, 'limit-whitelist': CIDRS, 'from-to-www-redirect': BOOL,
  'temporal-redirect': like(URL, false), 'temporal-redirect-code': INT, 'permanent-redirect': like(URL, false), 'permanent-redirect-code': INT, 'upstream-hash-by': like(/^[A-Za-z0-9\-_${}]*$/), 'upstream-hash-by-subset': BOOL, 'upstream-hash-by-subset-size': INT,
  'client-body-buffer-size': SIZE, 'connection-proxy-header': like(/^(close|keep-alive)$/), 'http2-push-preload': BOOL, 'load-balance': oneOf(['round_robin', 'chash', 'chashsubset', 'sticky_balanced', 'sticky_persistent', 'ewma']), 'ssl-passthrough': BOOL,
  'upstream-vhost': SERVER_NAME, 'x-forwarded-prefix': like(PATH_WITH_CAPTURE), 'proxy-ssl-secret': BASIC,
}
/** By the group that says why. */
const DENIED: Readonly<Record<string, [test: Test, group: string, why?: string]>> = {
  'allowlist-source-range': [CIDRS, 'Allowlist'], 'whitelist-source-range': [CIDRS, 'Allowlist'], 'denylist-source-range': [CIDRS, 'Denylist'],
  'auth-method': [like(/GET|HEAD|POST|PUT|PATCH|DELETE|CONNECT|OPTIONS|TRACE/), 'ExternalAuth', 'invalid HTTP method'], 'auth-response-headers': [HEADERS, 'ExternalAuth', 'validation error'],
}
/** With what the controller says of it, where it does, behind the annotation's name. */
const IGNORED: Readonly<Record<string, Test | [test: Test, said: string]>> = {
  'rewrite-target': [like(PATH_WITH_CAPTURE, false), 'is invalid, defaulting to empty'], 'app-root': like(PATH_WITH_CAPTURE, false), 'ssl-redirect': [BOOL, " is invalid, defaulting to 'true'"], 'force-ssl-redirect': [BOOL, " is invalid, defaulting to 'false'"],
  'preserve-trailing-slash': [BOOL, " is invalid, defaulting to 'false'"], 'use-regex': [BOOL, " is invalid, defaulting to 'false'"], 'backend-protocol': oneOf(['auto_http', 'http', 'https', 'grpc', 'grpcs', 'fcgi'], true),
  canary: [BOOL, " is invalid, defaulting to 'false'"], 'canary-weight': [INT, " is invalid, defaulting to '0'"], 'canary-weight-total': [INT, " is invalid, defaulting to '100'"], 'canary-by-header': [BASIC, " is invalid, defaulting to ''"], 'canary-by-header-value': [BASIC, " is invalid, defaulting to ''"],
  'canary-by-header-pattern': [like(PATTERN, false), " is invalid, defaulting to ''"], 'canary-by-cookie': [BASIC, " is invalid, defaulting to ''"],
  'enable-cors': [BOOL, " is invalid, defaulting to 'false'"], 'cors-allow-origin': like(/^(?:[a-z]+:\/\/|\*\.|:\d+|[A-Za-z0-9\-.,])*$|^\*$/), 'cors-allow-headers': HEADERS, 'cors-allow-methods': like(/^[A-Za-z]+(,[A-Za-z]+)*,?$/), 'cors-allow-credentials': [BOOL, " is invalid, defaulting to 'true'"],
  'cors-expose-headers': like(/^[A-Za-z0-9\-_*]+(,[A-Za-z0-9\-_*]+)*,?$/), 'cors-max-age': [INT, ' is invalid, defaulting to 1728000'],
  'auth-signin': URL_WITH_VARIABLES, 'auth-signin-redirect-param': like(URL), 'auth-keepalive': INT, 'auth-cache-duration': like(/^[/\-._~a-zA-Z0-9:, ]*$/, false), 'auth-proxy-set-headers': BASIC, 'auth-request-redirect': like(URL), 'auth-always-set-cookie': BOOL, 'auth-keepalive-share-vars': BOOL, 'auth-keepalive-requests': INT, 'auth-keepalive-timeout': INT, 'auth-cache-key': like(/^[A-Za-z0-9\-_${}]*$/), 'enable-global-auth': BOOL, 'custom-headers': BASIC, 'disable-proxy-intercept-errors': BOOL, 'enable-access-log': BOOL,
  'mirror-request-body': [ON_OFF, ''], 'mirror-target': [SERVER_NAME, ''], 'mirror-host': [SERVER_NAME, ''], 'use-port-in-redirects': BOOL, 'proxy-connect-timeout': INT, 'proxy-send-timeout': INT, 'proxy-read-timeout': INT, 'proxy-buffers-number': INT, 'proxy-buffer-size': SIZE,
  'proxy-cookie-path': like(URL), 'proxy-cookie-domain': BASIC, 'proxy-body-size': SIZE, 'proxy-next-upstream': like(/^((error|timeout|invalid_header|http_500|http_502|http_503|http_504|http_403|http_404|http_429|non_idempotent|off)\s?)+$/, false), 'proxy-next-upstream-timeout': INT, 'proxy-next-upstream-tries': INT,
  'proxy-request-buffering': oneOf(['on', 'off']), 'proxy-redirect-from': like(URL), 'proxy-redirect-to': like(URL), 'proxy-buffering': oneOf(['on', 'off']), 'proxy-http-version': oneOf(['1.0', '1.1']), 'proxy-max-temp-file-size': SIZE,
  'proxy-ssl-ciphers': like(/^[A-Za-z0-9+:_\-!]*$/), 'proxy-ssl-protocols': like(/^(TLSv1\.2|TLSv1\.3| )*$/), 'proxy-ssl-name': SERVER_NAME, 'proxy-ssl-verify': ON_OFF, 'proxy-ssl-verify-depth': INT, 'proxy-ssl-server-name': ON_OFF,
  'limit-rate': INT, 'limit-rate-after': INT, 'limit-burst-multiplier': INT, satisfy: oneOf(['any', 'all']), 'service-upstream': BOOL, affinity: oneOf(['cookie']), 'affinity-mode': oneOf(['balanced', 'persistent']), 'affinity-canary-behavior': oneOf(['sticky', 'legacy']),
  'session-cookie-name': BASIC, 'session-cookie-secure': BOOL, 'session-cookie-expires': like(/(^0|-?[1-9]\d*$)/), 'session-cookie-max-age': like(/(^0|-?[1-9]\d*$)/, false), 'session-cookie-path': like(URL), 'session-cookie-domain': BASIC, 'session-cookie-samesite': oneOf(['none', 'lax', 'strict'], true),
  'session-cookie-conditional-samesite-none': BOOL, 'session-cookie-change-on-failure': BOOL,
}

export interface Invalid {
  short: string
  value: string
  consequence: Consequence
  /** "annotation nginx.ingress.kubernetes.io/limit-rps contains invalid value", or the words of the group. */
  reason: string
  group: string
  /** What else the controller says. */
  said: string | undefined
}

/** The value, unless it is none for this annotation (`short`: its name without the prefix). */
export function validAnnotation(value: string | undefined, short: string): string | undefined {
  return value === undefined || invalidAnnotations({ [short]: value }, '').length === 0 ? value : undefined
}

/** What is wrong among an Ingress's annotations, in the order of their names. Empty values are not looked at. */
export function invalidAnnotations(annotations: Readonly<Record<string, string>>, prefix: string): Invalid[] {
  return Object.keys(annotations).filter((full) => full.startsWith(prefix) && annotations[full] !== '').sort().flatMap((full): Invalid[] => {
    const short = full.slice(prefix.length)
    const value = annotations[full]!
    const invalid = `annotation ${full} contains invalid value`
    if (Object.hasOwn(REFUSED, short)) return REFUSED[short]!(value) ? [] : [{ short, value, consequence: 'refused', reason: invalid, group: '', said: undefined }]
    if (Object.hasOwn(DENIED, short)) {
      const [test, group, why = invalid] = DENIED[short]!
      return test(value) ? [] : [{ short, value, consequence: 'denied', reason: why, group, said: undefined }]
    }
    if (!Object.hasOwn(IGNORED, short)) return []
    const entry = IGNORED[short]!
    const [test, said] = typeof entry === 'function' ? [entry, undefined] : entry
    return test(value) ? [] : [{ short, value, consequence: 'ignored', reason: invalid, group: '', said: said === undefined ? undefined : said === '' ? `annotation ${short} contains invalid value${short === 'mirror-request-body' ? '' : ', defaulting'}` : short + said }]
  })
}

/** "8m", "500k", "0": nginx' sizes. */
export function bytes(text: string | undefined): number | undefined {
  const match = /^(\d+)([kmg]?)$/i.exec(text ?? '')
  return match ? Number(match[1]) * { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[match[2]!.toLowerCase()]! : undefined
}
