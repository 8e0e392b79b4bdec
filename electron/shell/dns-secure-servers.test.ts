import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** A CoreDNS that serves by TLS and HTTPS (core/dnsserver/server_{tls,https}.go); dig's words are those of 9.18.49 of Debian 12 against such servers. */
const COREFILE = `tls://.:853 https://.:443 {
    tls /pki/tls.crt /pki/tls.key
    errors
    log
    prometheus :9153
    hosts {
        10.9.8.7 web.test
        10.9.8.8 other.test
    }
}
tls://.:8853 {
    tls /pki/tls.crt /pki/tls.key /pki/tls.crt {
        client_auth require_and_verify
    }
    hosts {
        10.9.8.9 web.test
    }
}
tls://.:5353 {
    whoami
}
.:53 {
    hosts {
        10.9.8.6 web.test
    }
}
`

describe('a CoreDNS of one\'s own', () => {
  let lab: House
  let server: string
  const dig = (args: string): string => lab.run(`kubectl exec c -- dig @${server} ${args} 2>/dev/null; echo "exit $?"`).output
  beforeAll(() => {
    lab = house({ nodes: 2 })
    lab.run(`cat > Corefile <<'END'
${COREFILE}END
openssl req -x509 -newkey rsa:2048 -nodes -keyout tls.key -out tls.crt -days 30 -subj /CN=dns.test -addext subjectAltName=DNS:dns.test
kubectl create secret tls pki --cert=tls.crt --key=tls.key
kubectl create configmap own --from-file=Corefile
kubectl apply -f - <<'END'
apiVersion: v1
kind: Pod
metadata: {name: own}
spec:
  containers:
  - {name: coredns, image: 'registry.k8s.io/coredns/coredns:v1.12.0', args: [-conf, /c/Corefile], volumeMounts: [{name: c, mountPath: /c}, {name: pki, mountPath: /pki}]}
  volumes: [{name: c, configMap: {name: own}}, {name: pki, secret: {secretName: pki}}]
---
apiVersion: v1
kind: Pod
metadata: {name: c}
spec:
  containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity], volumeMounts: [{name: pki, mountPath: /pki}]}]
  volumes: [{name: pki, secret: {secretName: pki}}]
END
kubectl wait --for=condition=Ready pod/own pod/c --timeout=60s`)
    server = lab.run("kubectl get pod own -o jsonpath='{.status.podIP}'").output
  })

  it('says how it can be asked', () => {
    const log = lab.run('kubectl logs own').output
    for (const line of ['tls://.:853', 'https://.:443', 'tls://.:8853', '.:53']) expect(log.split('\n')).toContain(line)
  })

  it('answers by TLS, whose certificate dig looks at when it is told whom to trust', () => {
    expect(dig('+tls +short web.test')).toBe('10.9.8.7\nexit 0\n')
    expect(dig('+tls +noall +answer +stats web.test')).toContain(`web.test.		3600	IN	A	10.9.8.7\n;; Query time: `)
    expect(dig('+tls +noall +stats web.test')).toContain(`;; SERVER: ${server}#853(${server}) (TLS)\n`)
    expect(dig('+tls +tls-ca=/pki/tls.crt +tls-hostname=dns.test +short web.test')).toBe('10.9.8.7\nexit 0\n')
    expect(dig('+tls +tls-ca=/pki/tls.crt +tls-hostname=other.test web.test')).toBe(`;; TLS peer certificate verification for ${server}#853 failed: hostname mismatch\nexit 0\n`)
    expect(dig('+tls +tls-ca=/pki/tls.crt web.test')).toBe(`;; TLS peer certificate verification for ${server}#853 failed: IP address mismatch\nexit 0\n`)
    expect(dig('+tls +tls-ca web.test')).toBe(`;; TLS peer certificate verification for ${server}#853 failed: self-signed certificate\nexit 0\n`)
    expect(dig('+tls +tls-ca=/nope web.test')).toBe(';; TLS context cannot be created\nexit 0\n')
    expect(dig('+tls +tls-certfile=/pki/tls.crt web.test')).toBe(';; both TLS client certificate and key file must be specified a the same time\nexit 0\n')
    // a server of plain DNS, and a closed port
    expect(dig('+tls -p 9 +tries=1 web.test')).toBe(`;; Connection to ${server}#9(${server}) for web.test failed: connection refused.\n;; no servers could be reached\nexit 9\n`)
    // without the plugin tls nothing is encrypted
    expect(dig('+tcp -p 5353 +noall +comments web.test')).toContain('status: NOERROR')
  })

  it('answers who shows a certificate that its authority has signed', () => {
    expect(dig('+tls -p 8853 +short +tries=1 web.test')).not.toContain('10.9.8.9')
    expect(dig('+tls -p 8853 +tls-certfile=/pki/tls.crt +tls-keyfile=/pki/tls.key +short web.test')).toBe('10.9.8.9\nexit 0\n')
  })

  it('answers by HTTPS, to dig and to curl', () => {
    for (const how of ['+https', '+https-get', '+https=/dns-query']) expect(dig(`${how} +short web.test`)).toBe('10.9.8.7\nexit 0\n')
    expect(dig('+https-get +noall +stats web.test')).toContain(`;; SERVER: ${server}#443(${server}) (HTTPS-GET)\n`)
    expect(dig('+https -p 853 +tries=1 web.test')).toContain(`;; Connection to ${server}#853(${server}) for web.test failed: ALPN for HTTP/2 failed.\n`)
    expect(lab.run('kubectl exec c -- dig +https=foo web.test').output).toMatch(/^;; The given HTTP path "foo" is not a valid absolute path\nInvalid option: \+https\nUsage: {2}dig /)
    const query = 'AAABAAABAAAAAAAAA3dlYgR0ZXN0AAABAAE'
    const curl = (args: string): string => lab.run(`kubectl exec c -- sh -c "curl -sk ${args}"`).output
    expect(curl(`-D - -o /tmp/a https://${server}/dns-query?dns=${query}`)).toMatch(/^HTTP\/2 200 \r\ncache-control: max-age=3600\r\ncontent-length: \d+\r\ncontent-type: application\/dns-message\r\ndate: /)
    expect(lab.run('kubectl exec c -- sh -c "tail -c 4 /tmp/a | od -An -tu1"').output.trim().split(/\s+/)).toEqual(['10', '9', '8', '7'])
    const faults = [
      ['/other', '404 '], ['/dns-query', "400 no 'dns' query parameter found"], [`/dns-query?dns=${query}&dns=${query}`, "400 multiple 'dns' query values found"],
      ['/dns-query?dns=!x', '400 illegal base64 data at input byte 0'], ['/dns-query?dns=AAAB', '400 dns: overflow unpacking uint16'], ['/dns-query -X DELETE', '400 method not allowed: DELETE'],
    ] as const
    for (const [path, said] of faults) expect(curl(`-w '%{http_code} ' -o /tmp/b 'https://${server}${path.replace(' ', "' ").replace(/([^ ])$/, (c) => (path.includes(' ') ? c : `${c}'`))}; cat /tmp/b`).trimEnd()).toBe(said.trimEnd())
    expect(curl(`http://${server}:443/dns-query`)).toBe('Client sent an HTTP request to an HTTPS server.\n')
    expect(lab.run(`kubectl exec c -- sh -c "curl -s ${server}:9153/metrics | grep https_responses"`).output).toContain('coredns_dns_https_responses_total{server="https://:443",status="404"} 1')
  })

  it('+yaml, +padding and +unknownformat', () => {
    expect(dig('+yaml +qr +tries=1 other.test').replace(/id: \d+/g, 'id: N').replace(/timestamp .*/g, 'timestamp T').replace(/COOKIE: \w+/g, 'COOKIE: C')).toBe(`- type: MESSAGE
  message:
    type: RECURSIVE_QUERY
    query_time: !!timestamp T
    message_size: 51b
    socket_family: INET
    socket_protocol: UDP
    response_address: "${server}"
    response_port: 53
    query_address: "0.0.0.0"
    query_port: 0
    query_message_data:
      opcode: QUERY
      status: NOERROR
      id: N
      flags: rd ad
      QUESTION: 1
      ANSWER: 0
      AUTHORITY: 0
      ADDITIONAL: 1
      OPT_PSEUDOSECTION:
        EDNS:
          version: 0
          flags:
          udp: 1232
          COOKIE: C
      QUESTION_SECTION:
        - 'other.test. IN A'
- type: MESSAGE
  message:
    type: RECURSIVE_RESPONSE
    query_time: !!timestamp T
    response_time: !!timestamp T
    message_size: 51b
    socket_family: INET
    socket_protocol: UDP
    response_address: "${server}"
    response_port: 53
    query_address: "0.0.0.0"
    query_port: 0
    response_message_data:
      opcode: QUERY
      status: SERVFAIL
      id: N
      flags: qr rd
      QUESTION: 1
      ANSWER: 0
      AUTHORITY: 0
      ADDITIONAL: 1
      OPT_PSEUDOSECTION:
        EDNS:
          version: 0
          flags:
          udp: 1232
          COOKIE: C (echoed)
      QUESTION_SECTION:
        - 'other.test. IN A'
exit 0
`)
    expect(dig('+yaml +tcp -p 9 +tries=1 web.test')).toBe('- type: DIG_ERROR\n  message: |\n    no servers could be reached\nexit 9\n')
    expect(dig('+padding=128 +qr web.test')).toContain('; PAD:\n;; QUESTION SECTION:\n;web.test.			IN	A\n\n;; QUERY SIZE: 128\n')
    expect(dig('+unknownformat +noall +answer web.test')).toBe('web.test.		3600	CLASS1	TYPE1	\\# 4 0A090806\nexit 0\n')
    expect(lab.run('kubectl exec c -- dig +padding web.test').output).toMatch(/^Invalid option: \+padding\n/)
  })
})
