import { beforeAll, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

let run: House['run']
const create = (name: string, rule: string, more = ''): string => run(`kubectl create ingress ${name} --class=nginx --rule="${rule}" ${more}`).output
const REFUSED = 'error: failed to create ingress: admission webhook "validate.nginx.ingress.kubernetes.io" denied the request: '

beforeAll(() => {
  ;({ run } = house({ ingressController: 'nginx' }))
  run('kubectl create deployment web --image=nginx; kubectl expose deployment web --port=80; kubectl rollout status deployment web')
})

it('the Jobs of the manifest have made a certificate, and told the API server whom to trust', () => {
  expect(run('kubectl get jobs -n ingress-nginx -o jsonpath="{.items[*].status.succeeded}"; echo; kubectl get pods -n ingress-nginx --no-headers | grep -c Completed').output).toBe('1 1\n2\n')
  expect(run(`[ "$(kubectl get validatingwebhookconfiguration ingress-nginx-admission -o jsonpath='{.webhooks[0].clientConfig.caBundle}')" = "$(kubectl get secret -n ingress-nginx ingress-nginx-admission -o jsonpath='{.data.ca}')" ]`).code).toBe(0)
})

it('a host and path of another Ingress are refused, unless as its canary', () => {
  expect(create('a', 'shop.example.com/*=web:80')).toBe('ingress.networking.k8s.io/a created\n')
  expect(create('b', 'shop.example.com/*=web:80')).toBe(`${REFUSED}host "shop.example.com" and path "/" is already defined in ingress default/a\n`)
  expect(run('kubectl get ingress b').code).toBe(1)
  const canary = '--annotation nginx.ingress.kubernetes.io/canary=true'
  expect(create('b', 'shop.example.com/*=web:80', canary)).toBe('ingress.networking.k8s.io/b created\n')
  expect(run('kubectl label ingress a x=y').output).toBe('ingress.networking.k8s.io/a labeled\n')
  expect(run('kubectl -n ingress-nginx logs deploy/ingress-nginx-controller').output).toContain('"invalid ingress configuration" err="host \\"shop.example.com\\" and path \\"/\\" is already defined in ingress default/a" ingress="default/b"\n')
})

it('so is what is no plain path; others\' Ingresses are let through', () => {
  expect(create('c', 'c.example.com/c(/|$)(.*)*=web:80')).toBe(`${REFUSED}ingress contains invalid paths: path /c(/|$)(.*) cannot be used with pathType Prefix\n`)
  expect(run('kubectl create ingress c --rule="shop.example.com/*=web:80"').output).toBe('ingress.networking.k8s.io/c created\n')
  const [line = ''] = run(`kubectl apply -f - <<'X'
{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "d"}, "spec": {"ingressClassName": "nginx", "rules": [{"host": "shop.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}}
X`).output.split('\n')
  expect(line).toBe('Error from server (BadRequest): error when creating "STDIN": admission webhook "validate.nginx.ingress.kubernetes.io" denied the request: host "shop.example.com" and path "/" is already defined in ingress default/a')
})

it('without a controller that answers nothing can be written, until its configuration goes', () => {
  run('kubectl scale -n ingress-nginx deploy/ingress-nginx-controller --replicas=0; sleep 15')
  expect(create('e', 'e.example.com/*=web:80')).toMatch(/^error: failed to create ingress: Internal error occurred: failed calling webhook "validate\.nginx\.ingress\.kubernetes\.io": failed to call webhook: Post "https:\/\/ingress-nginx-controller-admission\.ingress-nginx\.svc:443\/networking\/v1\/ingresses\?timeout=10s": dial tcp 10\.[0-9.]+:443: connect: connection refused\n$/)
  run('kubectl delete validatingwebhookconfiguration ingress-nginx-admission')
  expect(create('e', 'e.example.com/*=web:80')).toBe('ingress.networking.k8s.io/e created\n')
})

it('packets that a policy drops on their way are waited for, as long as the configuration says', () => {
  const { run: tell } = house({ ingressController: 'nginx', cni: 'calico' })
  tell('kubectl create service clusterip web --tcp=80')
  tell(`kubectl apply -f - <<'X'
{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "shut", "namespace": "ingress-nginx"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 80}]}]}}
X
  sleep 2`)
  const lines = tell('date +%s; kubectl create ingress a --class=nginx --rule="a.example.com/=web:80"; date +%s').output.split('\n')
  expect(lines[1]).toMatch(/: failed to call webhook: Post "https:\/\/ingress-nginx-controller-admission\.ingress-nginx\.svc:443\/networking\/v1\/ingresses\?timeout=10s": context deadline exceeded$/)
  expect(Number(lines[2]) - Number(lines[0])).toBe(10)
  expect(tell('kubectl delete networkpolicy -n ingress-nginx shut; kubectl create ingress a --class=nginx --rule="a.example.com/=web:80"').output).toContain('ingress.networking.k8s.io/a created\n')
})
