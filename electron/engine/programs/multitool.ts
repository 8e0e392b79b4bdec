import type { Program } from '../machine/types.ts'
import { Random } from '../random.ts'
import { become } from './become.ts'
import { encodeKey, makeCertificate, makeKey } from './tls/make.ts'
import { toPem } from './tls/x509.ts'

/** /docker/entrypoint.sh of wbitt/network-multitool: its page says who it is, unless a volume brings pages; then nginx. */
const ROOT = '/usr/share/nginx/html'
const PAGE = `${ROOT}/index.html`
const CONF = '/etc/nginx/conf.d/default.conf'
/** What the image itself has there, or what an earlier start wrote. */
const OWN = /^(Network MultiTool|WBITT Network MultiTool) \(with NGINX\)/
const YEAR_2025 = Date.UTC(2025, 3, 16)

export const multitoolEntrypoint: Program = function* (process) {
  const { fs, env } = process
  const port = { HTTP: env.get('HTTP_PORT') || '', HTTPS: env.get('HTTPS_PORT') || '' }
  if (fs.exists(PAGE) && OWN.test(fs.readText(PAGE))) {
    const own = process.network.links.get('eth0')?.addresses.find(({ address }) => !address.includes(':'))
    const line = `WBITT Network MultiTool (with NGINX) - ${process.machine.hostname} - ${own ? `${own.address}/${own.prefixLength}` : ''} - HTTP: ${port.HTTP || 80} , HTTPS: ${port.HTTPS || 443} . (Formerly praqma/network-multitool)\n`
    yield* process.print(`The directory ${ROOT} is not mounted.\nOver-writing the default index.html file with some useful information.\n${line}`)
    fs.writeFile(PAGE, line)
  } else yield* process.print(`The directory ${ROOT} is a volume mount. Will not over-write index.html .\n`)
  for (const [name, preset] of [['HTTP', '80'], ['HTTPS', '443']] as const) {
    if (port[name] === '') continue
    // the script says HTTPS_PORT of both
    yield* process.print(`Replacing default ${name} port (${preset}) with the value specified by the user - (HTTPS_PORT: ${port[name]}).\n`)
    if (fs.exists(CONF)) fs.writeFile(CONF, fs.readText(CONF).replaceAll(preset, port[name]))
  }
  if (!fs.exists('/certs/server.crt')) {
    // those of the image: the same everywhere
    const random = new Random(0)
    const key = makeKey(random)
    fs.writeFile('/certs/server.crt', toPem('CERTIFICATE', makeCertificate({ subject: [['CN', 'localhost']], key, notBefore: YEAR_2025, days: 3650, isCa: true, random }).der))
    fs.writeFile('/certs/server.key', toPem('PRIVATE KEY', encodeKey(key)), 0o600)
  }
  return yield* become(process, process.argv.slice(1))
}
