/** The rules that kube-proxy v1.33 writes in iptables mode, as far as the tests here need them. */

export interface ServiceSample {
  name: string
  clusterIp: string
  port: number
  endpoints: readonly string[]
  nodePort?: number
  /** ClientIP affinity, in seconds. */
  affinity?: number
  localOnly?: boolean
}

function hash(text: string): string {
  let h = 2166136261
  let out = ''
  for (let i = 0; out.length < 16; i++) {
    for (const c of `${text}${i}`) h = Math.imul(h ^ c.charCodeAt(0), 16777619)
    out += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[(h >>> 0) % 32]
  }
  return out
}

export const svcChain = (s: ServiceSample): string => `KUBE-SVC-${hash(s.name)}`

/** A whole sync: two tables for `restore` with noflush. */
export function serviceRules(services: readonly ServiceSample[], podCidr = '10.244.0.0/16'): string {
  const chains: string[] = []
  const rules: string[] = []
  const filter: string[] = []
  for (const s of services) {
    const port = `-m tcp --dport ${s.port}`
    const what = `"default/${s.name}`
    if (s.endpoints.length === 0) {
      filter.push(`-A KUBE-SERVICES -m comment --comment ${what} has no endpoints" -m tcp -p tcp -d ${s.clusterIp} --dport ${s.port} -j REJECT`)
      continue
    }
    const svc = svcChain(s)
    const ext = `KUBE-EXT-${svc.slice(9)}`
    chains.push(svc)
    rules.push(`-A KUBE-SERVICES -m comment --comment ${what} cluster IP" -m tcp -p tcp -d ${s.clusterIp} ${port.slice(7)} -j ${svc}`)
    rules.push(`-A ${svc} -m comment --comment ${what} cluster IP" -m tcp -p tcp -d ${s.clusterIp} --dport ${s.port} ! -s ${podCidr} -j KUBE-MARK-MASQ`)
    if (s.nodePort !== undefined) {
      chains.push(ext)
      rules.push(`-A KUBE-NODEPORTS -m comment --comment default/${s.name} -m tcp -p tcp --dport ${s.nodePort} -j ${ext}`)
      rules.push(`-A ${ext} -m comment --comment "masquerade traffic for default/${s.name} external destinations" -j KUBE-MARK-MASQ`)
      rules.push(`-A ${ext} -j ${svc}`)
    }
    const seps = s.endpoints.map((e) => ({ chain: `KUBE-SEP-${hash(s.name + e)}`, e }))
    if (s.affinity !== undefined) {
      for (const { chain, e } of seps) {
        rules.push(`-A ${svc} -m comment --comment ${what} -> ${e}" -m recent --name ${chain} --rcheck --seconds ${s.affinity} --reap -j ${chain}`)
      }
    }
    seps.forEach(({ chain, e }, i) => {
      chains.push(chain)
      const left = seps.length - i
      const chance = left > 1 ? ` -m statistic --mode random --probability ${(1 / left).toFixed(10)}` : ''
      rules.push(`-A ${svc} -m comment --comment ${what} -> ${e}"${chance} -j ${chain}`)
      rules.push(`-A ${chain} -m comment --comment "default/${s.name}" -s ${e.split(':')[0]} -j KUBE-MARK-MASQ`)
      const recent = s.affinity === undefined ? '' : ` -m recent --name ${chain} --set`
      rules.push(`-A ${chain} -m comment --comment "default/${s.name}"${recent} -m tcp -p tcp -j DNAT --to-destination ${e}`)
    })
  }
  return [
    '*filter', ':KUBE-SERVICES - [0:0]', ':KUBE-FORWARD - [0:0]', ':KUBE-FIREWALL - [0:0]', ...filter,
    '-A KUBE-FIREWALL -m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
    '-A KUBE-FORWARD -m conntrack --ctstate INVALID -m nfacct --nfacct-name ct_state_invalid_dropped_pkts -j DROP',
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT',
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    'COMMIT',
    '*nat', ':KUBE-SERVICES - [0:0]', ':KUBE-NODEPORTS - [0:0]', ':KUBE-POSTROUTING - [0:0]', ':KUBE-MARK-MASQ - [0:0]',
    ...chains.map((c) => `:${c} - [0:0]`),
    '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000',
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    '-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000',
    ...rules,
    '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
    'COMMIT', '',
  ].join('\n')
}

/** The jumps from the built-in chains, once. */
export const JUMPS = `*filter
:KUBE-SERVICES - [0:0]
:KUBE-FORWARD - [0:0]
:KUBE-FIREWALL - [0:0]
-A INPUT -j KUBE-FIREWALL
-A OUTPUT -j KUBE-FIREWALL
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-SERVICES
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
COMMIT
*nat
:KUBE-SERVICES - [0:0]
:KUBE-POSTROUTING - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
COMMIT
`
