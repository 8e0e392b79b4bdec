import { serviceName, servicePorts } from '../services.ts'

/** Names that nmap's own list of services has otherwise than /etc/services. */
const NAMES: Readonly<Record<number, string>> = {
  80: 'http', 81: 'hosts2-ns', 82: 'xfer', 83: 'mit-ml-dev', 111: 'rpcbind', 139: 'netbios-ssn', 143: 'imap', 445: 'microsoft-ds', 465: 'smtps', 3000: 'ppp', 3001: 'nessus', 5000: 'upnp', 5001: 'commplex-link', 5353: 'mdns', 6443: 'sun-sr-https', 8000: 'http-alt', 8001: 'vcom-tunnel',
  8008: 'http', 8080: 'http-proxy', 8081: 'blackice-icecap', 8443: 'https-alt', 8888: 'sun-answerbook', 9000: 'cslistener', 9090: 'zeus-admin', 9091: 'xmltec-xmlmail', 9100: 'jetdirect', 9999: 'abyss', 1234: 'hotline', 2379: 'etcd-client', 2380: 'etcd-server', 27017: 'mongod', 11211: 'memcache', 5672: 'amqp', 9200: 'wap-wsp', 50000: 'ibm-db2', 30000: 'ndmps',
}

export function portName(port: number): string {
  return NAMES[port] ?? serviceName(port, 'tcp') ?? 'unknown'
}

/** "80,443,8000-8010", "-", "T:80", "http"; what nmap says where that cannot be read. */
export function parsePorts(text: string): number[] | string {
  const illegal = 'Error #486: Your port specifications are illegal.  Example of proper form: "-100,200-1024,T:3000-4000,U:60000-"'
  const ports = new Set<number>()
  for (const part of text.replace(/T:/g, '').split(',')) {
    if (/^[a-z]/i.test(part)) {
      const named = servicePorts(part).tcp
      const others = Object.keys(NAMES).map(Number).filter((port) => NAMES[port] === part)
      if (named === undefined && others.length === 0) return `Found no matches for the service mask '${part}' and your specified protocols`
      for (const port of new Set([...(named === undefined ? [] : [named]), ...others])) ports.add(port)
      continue
    }
    const range = /^(\d*)(-?)(\d*)$/.exec(part)
    if (!range || part === '') return illegal
    const low = range[1] === '' ? 1 : Number(range[1])
    const high = range[2] === '' ? low : range[3] === '' ? 65_535 : Number(range[3])
    if (low > 65_535 || high > 65_535) return 'Ports specified must be between 0 and 65535 inclusive'
    if (low > high) return `Your port range ${low}-${high} is backwards. Did you mean ${high}-${low}?`
    for (let port = low; port <= high; port++) ports.add(port)
  }
  return [...ports].sort((a, b) => a - b)
}
