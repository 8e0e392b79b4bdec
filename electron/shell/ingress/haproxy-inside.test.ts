import { execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

const NODE = '172.18.0.3'
const HAPROXY = haproxy()

function haproxy(): string | undefined {
  try {
    return execFileSync('sh', ['-c', 'command -v haproxy']).toString().trim()
  } catch {
    console.warn('skipped: no haproxy here to read haproxy.cfg')
    return undefined
  }
}

describe('HAProxy behind its controller', () => {
  let run: House['run']
  let http: string
  let https: string
  const get = (host: string, path: string, options = ''): string => run(`curl -s ${options} -H 'Host: ${host}' 'http://${NODE}:${http}${path}'`).output
  const inside = (command: string): string => run(`kubectl -n haproxy-controller exec deploy/haproxy-kubernetes-ingress -- ${command}`).output
  const logs = (): string => run('kubectl -n haproxy-controller logs deploy/haproxy-kubernetes-ingress').output
  const annotate = (text: string, what = 'service web'): void => void run(`kubectl annotate ${what} --overwrite ${text}; sleep 8`)
  const settings = (data: string): void => void run(`kubectl -n haproxy-controller patch configmap haproxy-kubernetes-ingress --type=merge -p '{"data":${data}}'; sleep 8`)
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'haproxy' }))
    run(`kubectl create deployment web --image=traefik/whoami:v1.11 --replicas=2; kubectl expose deployment web --port=80
      kubectl create deployment next --image=traefik/whoami:v1.11; kubectl expose deployment next --port=80
      kubectl create ingress web --class=haproxy --rule="shop.example.com/api*=web:80" --rule="shop.example.com/exact=web:80" --rule="*.wild.example.com/*=web:80"
      kubectl rollout status deployment web; kubectl rollout status deployment next; sleep 10`)
    ;[http, https] = run(`kubectl -n haproxy-controller get svc haproxy-kubernetes-ingress -o jsonpath='{.spec.ports[0].nodePort} {.spec.ports[1].nodePort}'`).output.split(' ') as [string, string]
  })

  it('haproxy.cfg and its maps say what is served', () => {
    const maps = inside(`sh -c 'cd /usr/local/etc/haproxy/maps; cat host.map path-exact.map path-prefix.map'`)
    expect(maps).toBe('.wild.example.com\t\t\t.wild.example.com\nshop.example.com\t\t\tshop.example.com\nshop.example.com/api\t\t\tdefault_web_80\nshop.example.com/exact\t\t\tdefault_web_80\n.wild.example.com/\t\t\tdefault_web_80\nshop.example.com/api/\t\t\tdefault_web_80\n')
    const cfg = inside('cat /usr/local/etc/haproxy/haproxy.cfg')
    const address = run(`kubectl get pod -l app=web -o jsonpath='{.items[0].status.podIP}'`).output
    expect(cfg).toMatch(/\nbackend default_web_80\n {2}mode http\n {2}balance roundrobin\n {2}option forwardfor\n {2}no option abortonclose\n {2}default-server check\n {2}server SRV_1 10\.244\.[0-9.]+:80 enabled\n/)
    expect(cfg).toContain(`${address}:80 enabled\n`)
    expect(cfg.match(/ disabled$/gm)).toHaveLength(40)
    expect(inside('haproxy -c -f /usr/local/etc/haproxy/haproxy.cfg')).toBe('')
    expect(inside('haproxy -v')).toMatch(/^HAProxy version 3\.1\.7-c3f4089 2025\/04\/17 - https:\/\/haproxy\.org\/\n/)
  })

  it('statistics and metrics tell what went where', () => {
    for (let i = 0; i < 4; i++) get('shop.example.com', '/api/x')
    get('nobody.example.com', '/')
    const ip = run(`kubectl -n haproxy-controller get pod -l run=haproxy-ingress -o jsonpath='{.items[0].status.podIP}'`).output
    const csv = inside(`curl -s 'http://${ip}:1024/;csv'`).split('\n').map((line) => line.split(','))
    const column = (name: string): number => csv[0]!.indexOf(name)
    const told = csv.filter(([name, server]) => name === 'default_web_80' && ['SRV_1', 'SRV_2', 'SRV_3', 'BACKEND'].includes(server!)).map((row) => [row[1], row[column('stot')], row[column('hrsp_2xx')], row[column('status')], row[column('check_status')]])
    expect(told).toEqual([['SRV_1', '2', '2', 'UP', 'L4OK'], ['SRV_2', '2', '2', 'UP', 'L4OK'], ['SRV_3', '0', '0', 'MAINT', ''], ['BACKEND', '4', '4', 'UP', '']])
    const metrics = inside(`curl -s http://${ip}:1024/metrics`)
    expect(metrics).toContain('# TYPE haproxy_backend_http_requests_total counter\nhaproxy_backend_http_requests_total{proxy="default_web_80"} 4\n')
    expect(metrics).toContain('haproxy_frontend_http_responses_total{proxy="http",code="4xx"} 1\n')
    expect(metrics).toContain('haproxy_server_status{proxy="default_web_80",server="SRV_2",state="UP"} 1\n')
    expect(inside(`curl -si http://${ip}:1024/`)).toMatch(/^HTTP\/1\.1 200 OK\r\ncache-control: no-cache\r\ncontent-type: text\/html\r\nrefresh: 10\r\n[^]*<title>Statistics Report for HAProxy<\/title>[^]*default_web_80/)
  })

  it('check-http takes a server out that answers badly, and lets it in again', () => {
    run(`kubectl create configmap mood --from-literal=default.conf='server { listen 80; location /health { root /tmp; try_files /ok =500; } location / { return 200 "$hostname\\n"; } }'
      kubectl apply -f - <<'END'
{apiVersion: apps/v1, kind: Deployment, metadata: {name: moody}, spec: {replicas: 2, selector: {matchLabels: {app: moody}}, template: {metadata: {labels: {app: moody}}, spec: {containers: [{name: c, image: nginx, volumeMounts: [{name: c, mountPath: /etc/nginx/conf.d}]}], volumes: [{name: c, configMap: {name: mood}}]}}}}
END
      kubectl expose deployment moody --port=80; kubectl annotate service moody 'haproxy.org/check-http=GET /health' haproxy.org/check-interval=1s; kubectl create ingress moody --class=haproxy --rule='moody.example.com/*=moody:80'
      kubectl rollout status deployment moody; sleep 10`)
    const [, second] = run(`kubectl get pods -l app=moody -o jsonpath='{.items[*].metadata.name}'`).output.split(' ') as [string, string]
    expect(get('moody.example.com', '/', "-w '%{http_code}'")).toMatch(/503 Service Unavailable[^]*503$/)
    const said = logs()
    expect(said).toMatch(/\nServer default_moody_80\/SRV_[12] is DOWN, reason: Layer7 wrong status, code: 500, info: "Internal Server Error", check duration: \d+ms\. 0 active and 0 backup servers left\. 0 sessions active, 0 requeued, 0 remaining in queue\.\n/)
    expect(said).toMatch(/\[ALERT\] {4}\(\d+\) : backend 'default_moody_80' has no server available!\n/)
    run(`kubectl exec ${second} -- sh -c 'echo fine > /tmp/ok'; sleep 5`)
    expect([1, 2, 3].map(() => get('moody.example.com', '/'))).toEqual(Array(3).fill(`${second}\n`))
    expect(logs()).toMatch(/\nServer default_moody_80\/SRV_[12] is UP, reason: Layer7 check passed, code: 200, info: "OK", check duration: \d+ms\. 1 active and 0 backup servers online\. 0 sessions requeued, 0 total in queue\.\n/)
  })

  it('pod-maxconn makes others wait, and timeout-queue sends them away', () => {
    run('kubectl scale deployment web --replicas=1; kubectl rollout status deployment web')
    annotate('haproxy.org/pod-maxconn=1')
    const second = (slow: string): string => run(`curl -s -o /dev/null -H 'Host: shop.example.com' 'http://${NODE}:${http}/api/?wait=${slow}' & sleep 0.5; curl -s -o /dev/null -w '%{http_code} %{time_total}\\n' -H 'Host: shop.example.com' http://${NODE}:${http}/api/queued; wait`).output
    expect(second('3s')).toMatch(/200 2\.[45]\d+\n/)
    settings('{"timeout-queue":"1s"}')
    expect(second('3s')).toMatch(/503 1\.0\d+\n/)
    expect(logs().split('\n').findLast((line) => line.includes('/api/queued'))).toMatch(/ http default_web_80\/<NOSRV> 0\/100\d\/-1\/-1\/100\d 503 217 - - sQ-- 2\/2\/1\/0\/0 0\/1 "GET shop\.example\.com\/api\/queued HTTP\/1\.1"$/)
    annotate('haproxy.org/pod-maxconn-')
    settings('{"timeout-queue":null}')
  })

  it('route-acl: a part of the requests goes to another Service, as the guide to canary deployments has it', () => {
    run(`kubectl annotate service next 'haproxy.org/route-acl=cookie(staging) -m found'; kubectl create ingress next --class=haproxy --rule='shop.example.com/api*=next:80'; sleep 8`)
    expect(get('shop.example.com', '/api/', '-b staging=1')).toContain('Hostname: next-')
    expect(get('shop.example.com', '/api/')).toContain('Hostname: web-')
    expect(inside('cat /usr/local/etc/haproxy/haproxy.cfg')).toContain('  use_backend default_next_80 if { var(txn.host) -m str shop.example.com }  { path -m beg /api } { cookie(staging) -m found }')
    annotate(`'haproxy.org/route-acl=rand(100) lt 25'`, 'service next')
    const served = Array.from({ length: 60 }, () => get('shop.example.com', '/api/')).filter((text) => text.includes('Hostname: next-')).length
    expect(served).toBeGreaterThan(5)
    expect(served).toBeLessThan(30)
    run('kubectl delete ingress next; sleep 8')
  })

  it('wrong values are met with the words of the controller, and what was right before them stands', () => {
    annotate(`haproxy.org/allow-list=10.0.0.0/8,nowhere haproxy.org/auth-type=digest haproxy.org/ssl-redirect=maybe 'haproxy.org/path-rewrite=a b c' haproxy.org/request-set-header=X-Alone haproxy.org/whitelist=0.0.0.0/0`, 'ingress web')
    annotate('haproxy.org/load-balance=fairest haproxy.org/timeout-server=soon haproxy.org/check=on haproxy.org/server-proto=h3')
    const said = logs()
    for (const text of [
      "Ingress 'default/web': annotation allow-list: incorrect address 'nowhere' in allow-list annotation", "Ingress 'default/web': annotation auth-type: incorrect auth-type value 'digest'. Only 'basic-auth' value is currently supported",
      `Ingress 'default/web': annotation ssl-redirect: strconv.ParseBool: parsing "maybe": invalid syntax`, "Ingress 'default/web': annotation path-rewrite: incorrect value 'a b c', path-rewrite takes 1 or 2 params ", "Ingress 'default/web': annotation request-set-header: incorrect value 'X-Alone' in request-set-header annotation",
      `service 'default/web': annotation 'timeout-server': strconv.ParseInt: parsing "soon": invalid syntax`, `check - [on] is DEPRECATED, use "true" or "false"`, "service 'default/web': annotation 'server-proto': unknown proto h3",
    ]) expect(said).toContain(text)
    expect(said).toContain("service 'default/web': annotation 'load-balance': load-balance: validation failure list:")
    expect(get('shop.example.com', '/api/', "-o /dev/null -w '%{http_code}'")).toBe('200')
    annotate('haproxy.org/allow-list- haproxy.org/auth-type- haproxy.org/ssl-redirect- haproxy.org/path-rewrite- haproxy.org/request-set-header- haproxy.org/whitelist-', 'ingress web')
    annotate('haproxy.org/load-balance- haproxy.org/timeout-server- haproxy.org/check- haproxy.org/server-proto-')
  })

  it('headers may have formats, requests are captured, and log-format says how they are logged', () => {
    annotate(`haproxy.org/request-set-header='X-From %[src] by %[method,lower]' haproxy.org/request-capture='hdr(user-agent)' haproxy.org/request-capture-len=5`, 'ingress web')
    expect(get('shop.example.com', '/api/', '-A agent007')).toMatch(/X-From: 10\.244\.\d+\.\d+ by get/)
    expect(logs()).toMatch(/ 0\/0 \{agent\} "GET shop\.example\.com\/api\/ HTTP\/1\.1"\n/)
    settings(`{"log-format":"%ci %{+Q}r %ST"}`)
    get('shop.example.com', '/api/short')
    expect(logs()).toMatch(/\n10\.244\.\d+\.\d+ "GET \/api\/short HTTP\/1\.1" 200\n/)
    settings('{"log-format":null}')
    annotate('haproxy.org/request-set-header- haproxy.org/request-capture- haproxy.org/request-capture-len-', 'ingress web')
  })

  it('the PROXY protocol comes in from those who are told to speak it, and goes out to those who wait for it', () => {
    settings('{"proxy-protocol":"10.244.0.0/16"}')
    expect(run(`curl -s --haproxy-protocol -H 'Host: shop.example.com' http://${NODE}:${http}/api/`).output).toMatch(/X-Forwarded-For: 192\.0\.2\.10\r?\n/)
    expect(run(`curl -s -m 8 -H 'Host: shop.example.com' http://${NODE}:${http}/api/`).code).not.toBe(0)
    settings('{"proxy-protocol":null}')
    run(`kubectl create configmap told --from-literal=default.conf='server { listen 80 proxy_protocol; set_real_ip_from 10.244.0.0/16; real_ip_header proxy_protocol; return 200 "$proxy_protocol_addr $remote_addr $realip_remote_addr\\n"; }'
      kubectl apply -f - <<'END'
{apiVersion: v1, kind: Pod, metadata: {name: told, labels: {app: told}}, spec: {containers: [{name: c, image: nginx, volumeMounts: [{name: c, mountPath: /etc/nginx/conf.d}]}], volumes: [{name: c, configMap: {name: told}}]}}
END
      kubectl expose pod told --port=80; kubectl annotate service told haproxy.org/send-proxy-protocol=proxy-v1; kubectl create ingress told --class=haproxy --rule='told.example.com/*=told:80'; kubectl wait pod told --for=condition=Ready; sleep 8`)
    const proxy = run(`kubectl -n haproxy-controller get pod -l run=haproxy-ingress -o jsonpath='{.items[0].status.podIP}'`).output
    const said = get('told.example.com', '/')
    expect(said).toMatch(/^(10\.244\.\d+\.\d+) \1 10\.244\.\d+\.\d+\n$/)
    expect(said.endsWith(` ${proxy}\n`)).toBe(true)
    annotate('haproxy.org/send-proxy-protocol=proxy-v2', 'service told')
    expect(get('told.example.com', '/')).toBe(said)
    annotate('haproxy.org/send-proxy-protocol- haproxy.org/check=false', 'service told')
    expect(get('told.example.com', '/', "-o /dev/null -w '%{http_code}'")).toBe('502')
    expect(run('kubectl logs told').output).toMatch(/ \[error\] \d+#\d+: \*\d+ broken header: "GET \/ HTTP\/1\.1" while reading PROXY protocol, client: 10\.244\.\d+\.\d+, server: 0\.0\.0\.0:80\n/)
  })

  it('client-ca asks for certificates; server-ca looks into those of Pods', () => {
    run(`openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=ours 2>/dev/null; kubectl create secret generic ours --from-file=tls.crt=ca.crt --from-file=tls.key=ca.key
      openssl req -newkey rsa:2048 -nodes -keyout me.key -out me.csr -subj /CN=me 2>/dev/null; openssl x509 -req -in me.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out me.crt -days 30 2>/dev/null
      openssl req -newkey rsa:2048 -nodes -keyout pod.key -out pod.csr -subj /CN=inside 2>/dev/null; openssl x509 -req -in pod.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out pod.crt -days 30 2>/dev/null; kubectl create secret tls pod --cert=pod.crt --key=pod.key
      kubectl create configmap secure --from-literal=default.conf='server { listen 443 ssl; ssl_certificate /s/tls.crt; ssl_certificate_key /s/tls.key; return 200 "secure\\n"; }'
      kubectl apply -f - <<'END'
{apiVersion: v1, kind: Pod, metadata: {name: secure, labels: {app: secure}}, spec: {containers: [{name: c, image: nginx, volumeMounts: [{name: s, mountPath: /s}, {name: c, mountPath: /etc/nginx/conf.d}]}], volumes: [{name: s, secret: {secretName: pod}}, {name: c, configMap: {name: secure}}]}}
END
      kubectl expose pod secure --port=443; kubectl annotate service secure haproxy.org/server-ca=default/ours; kubectl create ingress secure --class=haproxy --rule='secure.example.com/*=secure:443'; kubectl wait pod secure --for=condition=Ready; sleep 8`)
    expect(get('secure.example.com', '/')).toBe('secure\n')
    run(`openssl req -x509 -newkey rsa:2048 -nodes -keyout x.key -out x.crt -days 30 -subj /CN=others 2>/dev/null; kubectl create secret tls others --cert=x.crt --key=x.key`)
    annotate('haproxy.org/server-ca=default/others', 'service secure')
    expect(get('secure.example.com', '/', "-o /dev/null -w '%{http_code}'")).toBe('503')
    settings('{"client-ca":"default/ours"}')
    const ask = (options: string): string => run(`curl -sk ${options} --resolve shop.example.com:${https}:${NODE} https://shop.example.com:${https}/api/ -o /dev/null -w '%{http_code}'`).output
    expect([ask(''), ask('--cert me.crt --key me.key'), ask('--cert x.crt --key x.key')]).toEqual(['000', '200', '000'])
    settings('{"client-crt-optional":"true"}')
    expect(ask('')).toBe('200')
    settings('{"client-ca":null,"client-crt-optional":null}')
  })

  it('TCP services have ports of their own', () => {
    run(`kubectl create configmap -n haproxy-controller tcp --from-literal=6379=default/cache:6379 --from-literal=7000=default/none:1 --from-literal=7001=nonsense
      kubectl create deployment cache --image=redis; kubectl expose deployment cache --port=6379
      kubectl -n haproxy-controller patch deploy haproxy-kubernetes-ingress --type=json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--configmap-tcp-services=haproxy-controller/tcp"}]'; kubectl -n haproxy-controller rollout status deploy haproxy-kubernetes-ingress; sleep 10`)
    const ip = run(`kubectl -n haproxy-controller get pod -l run=haproxy-ingress -o jsonpath='{.items[0].status.podIP}'`).output
    expect(run(`kubectl exec deploy/cache -- redis-cli -h ${ip} ping`).output).toBe('PONG\n')
    expect(logs()).toMatch(/ tcp-6379 default_cache_6379\/SRV_1 0\/0\/\d+ 7 -- 1\/1\/0\/0\/0 0\/0\n/)
    expect(logs()).toContain("tcp-services: service 'default/none' not found")
    expect(logs()).toContain("incorrect format 'nonsense', 'ServiceName:ServicePort' is required")
  })

  it.skipIf(HAPROXY === undefined)('haproxy itself takes the haproxy.cfg that is written', () => {
    annotate(`haproxy.org/rate-limit-requests=10 haproxy.org/deny-list=192.0.2.0/24 haproxy.org/cors-enable=true haproxy.org/ssl-redirect=true haproxy.org/path-rewrite='/api/(.*) /\\1' haproxy.org/set-host=inner haproxy.org/response-set-header='X-A b c'`, 'ingress web')
    const root = mkdtempSync(join(tmpdir(), 'haproxy-'))
    const files = inside(`sh -c 'find /usr/local/etc/haproxy -type f'`).trim().split('\n')
    for (const file of files) {
      const path = join(root, file)
      mkdirSync(dirname(path), { recursive: true })
      // files are read below the root; what the machine may not have is left away
      writeFileSync(path, inside(`cat ${file}`).replaceAll('/usr/local/etc/haproxy', `${root}/usr/local/etc/haproxy`).replaceAll('/var/run', root).replace(/^ {2}default-path config\n/m, '').replace(/ ssl crt \S+ alpn \S+( ca-file \S+ verify \w+)?/g, '').replace(/ ssl alpn h2,http\/1\.1( ca-file \S+)? verify \w+/g, ''))
    }
    const told = execFileSync(HAPROXY!, ['-c', '-f', join(root, 'usr/local/etc/haproxy/haproxy.cfg')], { stdio: ['ignore', 'pipe', 'pipe'] }).toString()
    expect(told).toContain('Configuration file is valid')
  })
})
