import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** plugin/forward by DNS over TLS, to the resolvers of the pretended internet; the words are those of Go's crypto/tls and net. */
describe('CoreDNS forwards by TLS', () => {
  let lab: House
  /** What a Pod hears of example.com, and what CoreDNS says. */
  const with_ = (forward: string): { answer: string; log: string } => {
    lab.run(`kubectl -n kube-system create configmap coredns --dry-run=client -o yaml --from-literal=Corefile='.:53 {
    errors
    health
    ready
    prometheus :9153
    forward . ${forward}
}' | kubectl replace -f -; kubectl -n kube-system delete pod -l k8s-app=kube-dns; kubectl -n kube-system rollout status deployment coredns --timeout=30s; sleep 5`)
    const answer = lab.run('kubectl exec c -- dig +short +tries=1 +time=9 example.com; sleep 1').output
    return { answer, log: lab.run('kubectl -n kube-system logs deployment/coredns --tail=20').output }
  }
  beforeAll(() => {
    lab = house({ nodes: 2 })
    lab.run("kubectl -n kube-system scale deployment coredns --replicas=1; kubectl run c --image=nicolaka/netshoot --command -- sleep infinity; kubectl wait --for=condition=Ready pod/c; for n in control-plane worker-1; do hop node $n -- sh -c 'timeout 900 tcpdump -lni eth0 port 53 or port 853 >/tmp/wire 2>/dev/null &'; done")
  })

  it('the answer comes, and nothing of it can be read on the wire', () => {
    const { answer, log } = with_('tls://1.1.1.1 tls://1.0.0.1 {\n        tls_servername cloudflare-dns.com\n        health_check 5s\n    }')
    expect(answer).toBe('192.0.2.53\n')
    expect(log).not.toContain('[ERROR]')
    const wire = lab.run('for n in control-plane worker-1; do hop node $n -- cat /tmp/wire; done').output
    expect(wire).toMatch(/> 1\.[01]\.[01]\.1\.853: Flags \[S\]/)
    expect(wire).not.toContain('example')
    expect(lab.run(`kubectl exec c -- curl -s $(kubectl -n kube-system get pod -l k8s-app=kube-dns -o jsonpath='{.items[0].status.podIP}'):9153/metrics | grep -c 'request_duration_seconds_count.*rcode="NOERROR",to="1.[01].[01].1:853"'`).output).toBe('1\n')
  })

  it.each([
    ['an address needs no name where the certificate has it', 'tls://8.8.8.8', '192.0.2.53\n', ''],
    ['another name', 'tls://1.1.1.1 {\n        tls_servername dns.google\n    }', '', 'tls: failed to verify certificate: x509: certificate is valid for cloudflare-dns.com, one.one.one.one, 1dot1dot1dot1.cloudflare-dns.com, not dns.google'],
    ['an authority that nobody here has signed by', 'tls://9.9.9.9 {\n        tls /var/run/secrets/kubernetes.io/serviceaccount/ca.crt\n        tls_servername dns.quad9.net\n    }', '', 'tls: failed to verify certificate: x509: certificate signed by unknown authority'],
    ['a server without TLS', 'tls://9.9.9.9:53', '', 'i/o timeout'],
    ['a port that nobody listens at', 'tls://192.0.2.53', '', 'dial tcp 192.0.2.53:853: connect: connection refused'],
    ['an unknown protocol', 'https://1.1.1.1', '', "plugin/forward: 'https' is not supported as a destination protocol in forward: https://1.1.1.1:443"],
    ['no such file', 'tls://1.1.1.1 {\n        tls /no.pem\n    }', '', 'plugin/forward: error reading /no.pem: open /no.pem: no such file or directory'],
  ])('%s', (_, forward, answer, message) => {
    const found = with_(forward)
    expect(found.answer.startsWith('192') ? found.answer : '').toBe(answer)
    if (message === '') expect(found.log).not.toContain('[ERROR]')
    else expect(found.log).toContain(message)
  })
})
