import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

const PREFIX = 'nginx.ingress.kubernetes.io'

describe('from inside the Pod of ingress-nginx, as its troubleshooting guide goes', () => {
  let run: House['run']
  const inside = (command: string): string => run(`kubectl exec -n ingress-nginx deploy/ingress-nginx-controller -- ${command}`).output
  /** Of one server in nginx.conf. */
  const server = (host: string): string => inside('cat /etc/nginx/nginx.conf').split(`## start server ${host}\n`)[1]!.split(`## end server ${host}\n`)[0]!
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'nginx' }))
    run(`kubectl create deployment web --image=traefik/whoami:v1.11; kubectl expose deployment web --port=80; kubectl create service clusterip canary --tcp=80
      kubectl create ingress plain --class=nginx --rule="plain.example.com/*=web:80" --rule="plain.example.com/exactly=web:80"
      kubectl create ingress canary --class=nginx --rule="plain.example.com/*=canary:80" --annotation=${PREFIX}/canary=true --annotation=${PREFIX}/canary-weight=20
      kubectl create ingress wild --class=nginx --rule="*.wild.example.com/*=web:80" --annotation=${PREFIX}/limit-rps=5 --annotation=${PREFIX}/whitelist-source-range=10.0.0.0/8 --annotation=${PREFIX}/proxy-body-size=8m --annotation=${PREFIX}/proxy-buffer-size=16k
      kubectl apply -f - <<'END'
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: rewritten, annotations: {${PREFIX}/rewrite-target: /$2}}, spec: {ingressClassName: nginx, rules: [{host: rewritten.example.com, http: {paths: [{path: /api(/|$)(.*), pathType: ImplementationSpecific, backend: {service: {name: web, port: {number: 80}}}}]}}]}}
END
      kubectl rollout status deployment web; sleep 8`)
  })

  it('nginx.conf has a server for each host, with its locations', () => {
    const plain = server('plain.example.com')
    expect(plain).toMatch(/^\tserver \{\n\t\tserver_name "plain\.example\.com" ;\n/)
    expect(plain.match(/location .*\{/g)).toEqual(['location = "/exactly" {', 'location "/" {'])
    for (const line of ['set $namespace      "default";', 'set $ingress_name   "plain";', 'set $service_name   "web";', 'set $service_port   "80";', 'set $proxy_upstream_name "default-web-80";', 'client_max_body_size                    1m;', 'proxy_pass http://upstream_balancer;']) expect(plain).toContain(`\t\t\t${line}\n`)
    expect(server('_')).toContain('listen 80 default_server reuseport backlog=4096 ;\n')
  })

  it('and in it what annotations say', () => {
    const wild = server('*.wild.example.com')
    expect(wild).toContain('server_name "~^(?<subdomain>[\\\\w-]+)\\\\.wild\\\\.example\\\\.com$" ;\n')
    for (const line of ['allow 10.0.0.0/8;', 'deny all;', 'client_max_body_size                    8m;', 'proxy_buffers                           4 16k;']) expect(wild).toContain(`\t\t\t${line}\n`)
    expect(wild).toMatch(/\t\t\tlimit_req zone=default_wild_[0-9a-f-]+_rps burst=25 nodelay;\n/)
    expect(inside('cat /etc/nginx/nginx.conf')).toMatch(/\tlimit_req_zone \$limit_[0-9a-f]{32} zone=default_wild_[0-9a-f-]+_rps:5m rate=5r\/s;\n/)
    const rewritten = server('rewritten.example.com')
    expect(rewritten).toContain('location ~* "^/api(/|$)(.*)" {\n')
    expect(rewritten).toContain('rewrite "(?i)/api(/|$)(.*)" /$2 break;\n')
  })

  it('a change of an annotation is a reload, and stands there', () => {
    run(`kubectl annotate ingress plain ${PREFIX}/proxy-buffering=on; sleep 8`)
    expect(server('plain.example.com')).toContain('proxy_buffering                         on;\n')
    expect(run('kubectl -n ingress-nginx logs deploy/ingress-nginx-controller | tail -2').output).toContain('NGINX reload triggered due to a change in configuration')
  })

  it('nginx -T, /dbg and --version tell the same', () => {
    expect(inside('nginx -T 2>/dev/null')).toBe(`# configuration file /etc/nginx/nginx.conf:\n${inside('cat /etc/nginx/nginx.conf')}\n`)
    expect(inside('/dbg conf')).toBe(`${inside('cat /etc/nginx/nginx.conf')}\n`)
    expect(inside('/dbg backends list')).toBe('default-canary-80\ndefault-web-80\nupstream-default-backend\n')
    const ip = run(`kubectl get pod -l app=web -o jsonpath='{.items[0].status.podIP}'`).output
    expect(JSON.parse(inside('/dbg backends get default-web-80'))).toMatchObject({ endpoints: [{ address: ip, port: '80' }], noServer: false, port: 80, alternativeBackends: ['default-canary-80'] })
    expect(JSON.parse(inside('/dbg backends get default-canary-80'))).toMatchObject({ noServer: true, trafficShapingPolicy: { weight: 20, weightTotal: 100 } })
    expect(inside('/dbg backends get nobody')).toBe('A backend of this name was not found.\n')
    expect(inside('/nginx-ingress-controller --version')).toContain('  Release:       v1.12.2\n')
  })

  it('healthz is everybody\'s, nginx_status the Pod\'s own', () => {
    const ip = run(`kubectl get pod -n ingress-nginx -l app.kubernetes.io/component=controller -o jsonpath='{.items[0].status.podIP}'`).output
    const [node, port] = ['172.18.0.3', run(`kubectl -n ingress-nginx get svc ingress-nginx-controller -o jsonpath='{.spec.ports[0].nodePort}'`).output]
    expect(run(`curl -s -w '%{http_code}' http://${node}:${port}/healthz`).output).toBe('200')
    expect(run(`curl -s -o /dev/null -w '%{http_code}' http://${node}:${port}/nginx_status`).output).toBe('403')
    expect(inside('curl -s http://127.0.0.1/nginx_status')).toMatch(/^Active connections: 1 \nserver accepts handled requests\n \d+ \d+ \d+ \nReading: 0 Writing: 1 Waiting: 0 \n$/)
    expect(inside('curl -s http://127.0.0.1:10246/nginx_status')).toMatch(/^Active connections: 0 \n/)
    expect(run(`curl -s -m 1 http://${ip}:10246/nginx_status`).code).not.toBe(0)
  })

  it('--enable-metrics counts requests at port 10254', () => {
    expect(inside('curl -s http://127.0.0.1:10254/metrics')).toContain('podhop: not simulated: ')
    run(`kubectl -n ingress-nginx patch deploy ingress-nginx-controller --type=json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--enable-metrics=true"}]'; kubectl -n ingress-nginx rollout status deploy ingress-nginx-controller; sleep 60`)
    for (const [host, times] of [['plain.example.com', 3], ['nobody.example.com', 2]] as const) for (let i = 0; i < times; i++) inside(`curl -s -H 'Host: ${host}' http://127.0.0.1/exactly`)
    const lines = inside('curl -s http://127.0.0.1:10254/metrics').split('\n')
    const pod = run(`kubectl get pod -n ingress-nginx -l app.kubernetes.io/component=controller -o jsonpath='{.items[0].metadata.name}'`).output
    const own = `controller_class="k8s.io/ingress-nginx",controller_namespace="ingress-nginx",controller_pod="${pod}"`
    // of a host that no Ingress has, nothing is told
    expect(lines.filter((line) => line.startsWith('nginx_ingress_controller_requests'))).toEqual([`nginx_ingress_controller_requests{canary="",${own},host="plain.example.com",ingress="plain",method="GET",namespace="default",path="/exactly",service="web",status="200"} 3`])
    expect(lines).toContain(`nginx_ingress_controller_nginx_process_requests_total{${own}} 5`)
    expect(lines.some((line) => line.startsWith(`nginx_ingress_controller_request_duration_seconds_bucket{`) && line.endsWith('le="+Inf"} 3'))).toBe(true)
  })
})
