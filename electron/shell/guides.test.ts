import { describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** Walk-throughs of kubernetes.io, typed as they stand there; what they print is held against the pages' own outputs, with today's Service addresses and columns. */
const type = (lab: House, script: string): string => lab.run(script).output
const ready = 'kubectl wait --for=condition=Ready pod --all --timeout=90s >/dev/null'

describe('"Debug Services"', () => {
  it('goes from the Pods over DNS, the address and the endpoints to kube-proxy’s rules', () => {
    const lab = house({})
    expect(type(lab, 'kubectl create deployment hostnames --image=registry.k8s.io/serve_hostname; kubectl scale deployment hostnames --replicas=3')).toBe('deployment.apps/hostnames created\ndeployment.apps/hostnames scaled\n')
    type(lab, `kubectl run busybox --image=gcr.io/google-containers/busybox --restart=Never -- sleep infinity; sleep 5; ${ready}`)
    const names = type(lab, 'kubectl get pods -l app=hostnames -o name').trim().split('\n').map((name) => name.slice(4))
    expect(names).toHaveLength(3)
    const ips = type(lab, `kubectl get pods -l app=hostnames \\
    -o go-template='{{range .items}}{{.status.podIP}}{{"\\n"}}{{end}}'`).trim().split('\n')
    expect(ips).toHaveLength(3)
    const inPod = (command: string): string => type(lab, `kubectl exec busybox -- ${command}`)
    expect(inPod(`sh -c 'for ep in ${ips.map((ip) => `${ip}:9376`).join(' ')}; do wget -qO- $ep; done'`)).toBe(names.join(''))

    expect(inPod('wget -O- hostnames')).toBe("wget: bad address 'hostnames'\ncommand terminated with exit code 1\n")
    expect(type(lab, 'kubectl get svc hostnames')).toBe('Error from server (NotFound): services "hostnames" not found\n')
    expect(type(lab, 'kubectl expose deployment hostnames --port=80 --target-port=9376')).toBe('service/hostnames exposed\n')
    const vip = type(lab, "kubectl get svc hostnames -o jsonpath='{.spec.clusterIP}'; sleep 2")
    for (const name of ['hostnames', 'hostnames.default', 'hostnames.default.svc.cluster.local']) {
      expect(inPod(`nslookup ${name}`)).toBe(`Server:    10.96.0.10\nAddress 1: 10.96.0.10 kube-dns.kube-system.svc.cluster.local\n\nName:      ${name}\nAddress 1: ${vip} hostnames.default.svc.cluster.local\n`)
    }
    expect(type(lab, 'hop node worker-1 -- nslookup hostnames.default.svc.cluster.local 10.96.0.10')).toBe(`Server:\t\t10.96.0.10\nAddress:\t10.96.0.10#53\n\nName:\thostnames.default.svc.cluster.local\nAddress: ${vip}\n\n`)
    expect(inPod('cat /etc/resolv.conf')).toBe('search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n')
    expect(inPod('nslookup kubernetes.default')).toContain('Name:      kubernetes.default\nAddress 1: 10.96.0.1 kubernetes.default.svc.cluster.local\n')
    const answers = inPod(`sh -c 'for i in $(seq 1 30); do wget -qO- ${vip}:80; echo; done'`).trim().split('\n')
    expect([...new Set(answers)].sort()).toEqual(names)
    expect(type(lab, 'kubectl get endpoints hostnames 2>/dev/null')).toMatch(/^NAME +ENDPOINTS +AGE\nhostnames +(10\.244\.\d\.\d+:9376,?){3} +\d+s\n$/)

    const node = (command: string): string => type(lab, `hop node worker-1 -- ${command}`)
    expect(node("sh -c 'ps auxw | grep kube-proxy'")).toMatch(/^root +\d+ .* \/usr\/local\/bin\/kube-proxy --config=\/var\/lib\/kube-proxy\/config\.conf --hostname-override=worker-1\n[^]* grep kube-proxy\n$/)
    const rules = node("sh -c 'iptables-save | grep hostnames'").trim().split('\n')
    const count = (sign: RegExp): number => rules.filter((rule) => sign.test(rule)).length
    // the page: 1 rule in KUBE-SERVICES, a few per endpoint in KUBE-SVC-(hash), one KUBE-SEP-(hash) chain per endpoint
    expect([count(/^-A KUBE-SERVICES /), count(/^-A KUBE-SVC-\w+ .* -j KUBE-SEP-/), count(/^-A KUBE-SEP-\w+ .* -j DNAT --to-destination 10\.244\.\d\.\d+:9376$/)]).toEqual([1, 3, 3])
    expect(names).toContain(node(`curl -s ${vip}:80`))
    // "A Pod fails to reach itself via the Service IP": hairpin-mode of the bridge's ports
    expect(node("sh -c 'for intf in /sys/devices/virtual/net/cni0/brif/*; do cat $intf/hairpin_mode; done'")).toMatch(/^(1\n)+$/)
    // the image has no tools: the connection is made in its network namespace
    const own = type(lab, `for i in $(seq 12); do hop trace default/${names[0]} ${vip}:80 -o json; done`)
    expect([...new Set(Array.from(own.matchAll(/"finalDestination": ?"(10[^"]+):9376"/g), (m) => m[1]!))].sort(), 'itself among them').toEqual([...ips].sort())
    expect(own).not.toMatch(/"verdict": ?"(?!delivered)/)
  })
})

describe('"Using Source IP"', () => {
  it('shows whom the server sees: the Pod, a node, and the client itself where the policy is Local', () => {
    const lab = house({ nodes: 3, cloud: 'loadbalancer' })
    type(lab, `kubectl create deployment source-ip-app --image=registry.k8s.io/echoserver:1.10; kubectl run busybox --image=busybox --restart=Never -- sleep infinity; sleep 3; ${ready}`)
    expect(type(lab, 'hop node worker-1 -- curl -s http://localhost:10249/proxyMode')).toBe('iptables')
    expect(type(lab, 'kubectl expose deployment source-ip-app --name=clusterip --port=80 --target-port=8080; sleep 2')).toBe('service/clusterip exposed\n')
    const address = /inet (10\.244\.\S+)\/24 /.exec(type(lab, 'kubectl exec busybox -- ip addr'))![1]
    const seen = (output: string): string[] => output.split('\n').filter((line) => line.includes('client_address')).map((line) => line.trim().replace('client_address=', ''))
    expect(seen(type(lab, "kubectl exec busybox -- wget -qO - $(kubectl get svc clusterip -o jsonpath='{.spec.clusterIP}')"))).toEqual([address])

    type(lab, 'kubectl expose deployment source-ip-app --name=nodeport --port=80 --target-port=8080 --type=NodePort; sleep 2')
    const round = `NODEPORT=$(kubectl get -o jsonpath="{.spec.ports[0].nodePort}" services nodeport)
      NODES=$(kubectl get nodes -o jsonpath='{ $.items[*].status.addresses[?(@.type=="InternalIP")].address }')
      for node in $NODES; do curl --connect-timeout 1 -s $node:$NODEPORT | grep -i client_address; done`
    const everywhere = seen(type(lab, round))
    expect(everywhere).toHaveLength(3)
    expect(everywhere.filter((ip) => !ip.startsWith('10.244.')), "they're cluster internal IPs").toEqual([])
    expect(type(lab, `kubectl patch svc nodeport -p '{"spec":{"externalTrafficPolicy":"Local"}}'; sleep 2`)).toBe('service/nodeport patched\n')
    expect(seen(type(lab, round)), 'only one reply, with the right client IP').toEqual(['192.0.2.10'])

    type(lab, 'kubectl expose deployment source-ip-app --name=loadbalancer --port=80 --target-port=8080 --type=LoadBalancer; sleep 5')
    const balanced = "curl -s $(kubectl get svc loadbalancer -o jsonpath='{.status.loadBalancer.ingress[0].ip}')"
    expect(seen(type(lab, balanced))[0]).toMatch(/^10\.244\./)
    type(lab, `kubectl patch svc loadbalancer -p '{"spec":{"externalTrafficPolicy":"Local"}}'`)
    const port = /^ {2}healthCheckNodePort: (\d+)\n$/.exec(type(lab, 'kubectl get svc loadbalancer -o yaml | grep -i healthCheckNodePort; sleep 12'))![1]
    const on = type(lab, "kubectl get pod -l app=source-ip-app -o jsonpath='{.items[0].spec.nodeName}'")
    const health = (node: string): unknown => JSON.parse(type(lab, `hop node ${node} -- curl -s localhost:${port}/healthz`))
    expect(health(on)).toMatchObject({ localEndpoints: 1 })
    expect(health(on === 'worker-1' ? 'worker-2' : 'worker-1')).toMatchObject({ localEndpoints: 0 })
    expect(seen(type(lab, balanced))).toEqual(['192.0.2.10'])
    expect(type(lab, 'kubectl delete svc -l app=source-ip-app')).toBe('service "clusterip" deleted\nservice "loadbalancer" deleted\nservice "nodeport" deleted\n')
  })
})

describe('"Connecting Applications with Services"', () => {
  it('finds my-nginx by environment and by DNS, secures it with a certificate of one’s own, and opens it to the outside', () => {
    const lab = house({})
    const nginx = (more: string): string => `kubectl apply -f - >/dev/null <<'EOF'\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: my-nginx}\nspec:\n  selector: {matchLabels: {run: my-nginx}}\n  template:\n    metadata: {labels: {run: my-nginx}}\n    spec:\n${more}\nEOF\nkubectl rollout status deploy/my-nginx >/dev/null`
    type(lab, `${nginx('      containers: [{name: my-nginx, image: nginx, ports: [{containerPort: 80}]}]')}; kubectl scale deployment my-nginx --replicas=2 >/dev/null; sleep 3`)
    const pods = "kubectl get pods -l run=my-nginx -o jsonpath='{.items[0].metadata.name}'"
    expect(type(lab, 'kubectl get pods -l run=my-nginx -o custom-columns=POD_IP:.status.podIPs')).toMatch(/^POD_IP\n(\[map\[ip:10\.244\.\d\.\d+\]\]\n){2}$/)
    expect(type(lab, 'kubectl expose deployment/my-nginx; sleep 1')).toBe('service/my-nginx exposed\n')
    const vip = type(lab, "kubectl get svc my-nginx -o jsonpath='{.spec.clusterIP}'")
    expect(type(lab, 'kubectl describe svc my-nginx')).toMatch(new RegExp(`^Name: +my-nginx\\n.*\\nSelector: +run=my-nginx\\nType: +ClusterIP\\nIP Family Policy: +SingleStack\\nIP Families: +IPv4\\nIP: +${vip}\\nIPs: +${vip}\\nPort: +<unset> +80/TCP\\nTargetPort: +80/TCP\\nEndpoints: +10[^\\n]+:80,10[^\\n]+:80\\n`, 's'))
    const environment = `kubectl exec $(${pods}) -- printenv | grep SERVICE | sort`
    expect(type(lab, environment)).toBe('KUBERNETES_SERVICE_HOST=10.96.0.1\nKUBERNETES_SERVICE_PORT=443\nKUBERNETES_SERVICE_PORT_HTTPS=443\n')
    type(lab, 'kubectl scale deployment my-nginx --replicas=0; kubectl scale deployment my-nginx --replicas=2; sleep 10')
    expect(type(lab, environment)).toContain(`MY_NGINX_SERVICE_HOST=${vip}\nMY_NGINX_SERVICE_PORT=80\n`)
    expect(type(lab, 'kubectl run curl --image=radial/busyboxplus:curl -- sleep infinity >/dev/null; kubectl wait --for=condition=Ready pod/curl >/dev/null; kubectl exec curl -- nslookup my-nginx')).toContain(`Name:      my-nginx\nAddress 1: ${vip}`)

    type(lab, 'openssl req -x509 -nodes -days 365 -newkey rsa:2048 -keyout /tmp/nginx.key -out /tmp/nginx.crt -subj "/CN=my-nginx/O=my-nginx"')
    expect(type(lab, 'kubectl create secret tls nginxsecret --key /tmp/nginx.key --cert /tmp/nginx.crt; kubectl get secrets')).toMatch(/^secret\/nginxsecret created\nNAME +TYPE +DATA +AGE\nnginxsecret +kubernetes\.io\/tls +2 +\d+s\n$/)
    type(lab, "printf 'server {\\n  listen 80 default_server;\\n  listen [::]:80 default_server ipv6only=on;\\n  listen 443 ssl;\\n  root /usr/share/nginx/html;\\n  server_name localhost;\\n  ssl_certificate /etc/nginx/ssl/tls.crt;\\n  ssl_certificate_key /etc/nginx/ssl/tls.key;\\n  location / { try_files $uri $uri/ =404; }\\n}\\n' > default.conf; kubectl create configmap nginxconfigmap --from-file=default.conf; kubectl delete deployments,svc my-nginx")
    expect(type(lab, nginx(`      volumes: [{name: s, secret: {secretName: nginxsecret}}, {name: c, configMap: {name: nginxconfigmap}}]
      containers: [{name: nginxhttps, image: 'bprashanth/nginxhttps:1.0', ports: [{containerPort: 443}, {containerPort: 80}], volumeMounts: [{mountPath: /etc/nginx/ssl, name: s}, {mountPath: /etc/nginx/conf.d, name: c}]}]`))).toBe('')
    type(lab, "kubectl apply -f - <<'EOF'\napiVersion: v1\nkind: Service\nmetadata: {name: my-nginx}\nspec: {type: NodePort, selector: {run: my-nginx}, ports: [{port: 8080, targetPort: 80, name: http}, {port: 443, name: https}]}\nEOF\nsleep 3")
    expect(type(lab, "hop node worker-1 -- curl -sk https://$(kubectl get pods -l run=my-nginx -o jsonpath='{.items[0].status.podIP}')")).toContain('<h1>Welcome to nginx!</h1>')
    type(lab, 'kubectl cp /tmp/nginx.crt curl:/tmp/nginx.crt')
    expect(type(lab, 'kubectl exec curl -- curl -s https://my-nginx --cacert /tmp/nginx.crt')).toContain('<title>Welcome to nginx!</title>')
    expect(type(lab, 'kubectl exec curl -- curl -s https://my-nginx; echo $?')).toMatch(/(^|\n)60\n$/)
    expect(type(lab, "curl -sk https://172.18.0.3:$(kubectl get svc my-nginx -o jsonpath='{.spec.ports[1].nodePort}')")).toContain('<h1>Welcome to nginx!</h1>')
  })
})
