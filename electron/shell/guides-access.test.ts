import { describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** More walk-throughs of kubernetes.io, typed into a terminal as they stand there and held against the pages' own outputs. */
const type = (lab: House, script: string): string => lab.run(script).output

describe('"Declare Network Policy"', () => {
  it('lets only Pods with the label access reach nginx', () => {
    const lab = house({ cni: 'calico' })
    expect(type(lab, 'kubectl create deployment nginx --image=nginx; kubectl expose deployment nginx --port=80')).toBe('deployment.apps/nginx created\nservice/nginx exposed\n')
    expect(type(lab, 'sleep 5; kubectl get svc,pod')).toMatch(/^NAME +TYPE +CLUSTER-IP .*\nservice\/kubernetes +ClusterIP +10\.96\.0\.1 .*\nservice\/nginx +ClusterIP +10\.\S+ +<none> +80\/TCP +5s\n\nNAME +READY .*\npod\/nginx-\w+-\w+ +1\/1 +Running +0 +5s\n$/)
    const terminal = lab.open()
    const typed = (keys: string, wait: number): string => terminal.type(keys, wait).replace(/\r/g, '')
    // as a person does: a shell in a Pod of its own, the command, and out again
    const visit = (flags = ''): string => {
      expect(typed(`kubectl run busybox --rm -ti${flags} --image=busybox:1.28 -- /bin/sh\r`, 8_000)).toMatch(/If you don't see a command prompt, try pressing enter\.\n.*\/ # /)
      const said = typed('wget --spider --timeout=1 nginx\r', 3_000)
      expect(typed('exit\r', 5_000)).toMatch(/Session ended, resume using 'kubectl attach busybox -c busybox -i -t' command when the pod is running\npod "busybox" deleted\n/)
      return said
    }
    expect(visit()).toMatch(/\nConnecting to nginx \(10\.[\d.]+:80\)\nremote file exists\n.*\/ # /)
    type(lab, `cat <<'EOF' > nginx-policy.yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: access-nginx
spec:
  podSelector:
    matchLabels:
      app: nginx
  ingress:
  - from:
    - podSelector:
        matchLabels:
          access: "true"
EOF`)
    expect(type(lab, 'kubectl apply -f nginx-policy.yaml')).toBe('networkpolicy.networking.k8s.io/access-nginx created\n')
    expect(visit()).toMatch(/\nConnecting to nginx \(10\.[\d.]+:80\)\nwget: download timed out\n.*\/ # /)
    expect(visit(' --labels="access=true"')).toMatch(/\nConnecting to nginx \(10\.[\d.]+:80\)\nremote file exists\n.*\/ # /)
  })
})

describe('"Exposing an External IP Address"', () => {
  it('five Pods answer behind one address of the cloud', () => {
    const lab = house({ cloud: 'loadbalancer' })
    type(lab, `kubectl apply -f - <<'EOF'
apiVersion: apps/v1
kind: Deployment
metadata: {labels: {app.kubernetes.io/name: load-balancer-example}, name: hello-world}
spec:
  replicas: 5
  selector: {matchLabels: {app.kubernetes.io/name: load-balancer-example}}
  template:
    metadata: {labels: {app.kubernetes.io/name: load-balancer-example}}
    spec:
      containers: [{image: 'gcr.io/google-samples/hello-app:2.0', name: hello-world, ports: [{containerPort: 8080}]}]
EOF
sleep 10`)
    expect(type(lab, 'kubectl get deployments hello-world; kubectl get replicasets')).toMatch(/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nhello-world +5\/5 +5 +5 +10s\nNAME +DESIRED +CURRENT +READY +AGE\nhello-world-\w+ +5 +5 +5 +10s\n$/)
    expect(type(lab, 'kubectl expose deployment hello-world --type=LoadBalancer --name=my-service; sleep 5; kubectl get services my-service')).toMatch(/^service\/my-service exposed\nNAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\nmy-service +LoadBalancer +10\.\S+ +203\.0\.113\.1 +8080:3\d{4}\/TCP +5s\n$/)
    expect(type(lab, 'kubectl describe services my-service')).toMatch(/^Name: +my-service\nNamespace: +default\nLabels: +app\.kubernetes\.io\/name=load-balancer-example\nAnnotations: +<none>\nSelector: +app\.kubernetes\.io\/name=load-balancer-example\nType: +LoadBalancer\n[^]*^LoadBalancer Ingress: +203\.0\.113\.1 \(VIP\)\nPort: +<unset> +8080\/TCP\nTargetPort: +8080\/TCP\nNodePort: +<unset> +3\d{4}\/TCP\nEndpoints: +(10\.244\.\d\.\d+:8080,){2}10\.244\.\d\.\d+:8080 \+ 2 more\.\.\.\nSession Affinity: +None\n/m)
    expect(type(lab, 'curl -s http://203.0.113.1:8080')).toMatch(/^Hello, world!\nVersion: 2\.0\.0\nHostname: hello-world-\w+-\w+\n$/)
    expect(type(lab, 'kubectl delete services my-service; kubectl delete deployment hello-world')).toBe('service "my-service" deleted\ndeployment.apps "hello-world" deleted\n')
    expect(lab.run('curl -sm 2 http://203.0.113.1:8080').code).not.toBe(0)
  })
})

describe('"Debugging Kubernetes nodes with crictl"', () => {
  it('lists Pods, images and containers of a node, runs a command and reads logs there', () => {
    const lab = house({})
    type(lab, 'kubectl run nginx --image=nginx; kubectl wait --for=condition=Ready pod/nginx')
    const name = type(lab, 'kubectl get pod nginx -o jsonpath={.spec.nodeName}')
    const node = (command: string): string => type(lab, `hop node ${name} -- ${command}`)
    const head = 'POD ID +CREATED +STATE +NAME +NAMESPACE +ATTEMPT +RUNTIME\\n'
    const row = '[0-9a-f]{13} +\\d+ seconds? ago +Ready +nginx +default +0 +\\(default\\)\\n'
    expect(node('crictl pods')).toMatch(new RegExp(`^${head}${row}([0-9a-f]{13} .*\\n)+$`))
    for (const filter of ['--name nginx', '--label run=nginx']) expect(node(`crictl pods ${filter}`)).toMatch(new RegExp(`^${head}${row}$`))
    expect(node('crictl images nginx')).toMatch(/^IMAGE +TAG +IMAGE ID +SIZE\ndocker\.io\/library\/nginx +latest +[0-9a-f]{13} +[\d.]+MB\n$/)
    expect(node('crictl images -q')).toMatch(/^(sha256:[0-9a-f]{64}\n)+$/)
    const id = node('crictl ps -q --name nginx').trim()
    expect(node(`crictl exec -i -t ${id.slice(0, 13)} ls`)).toMatch(/^bin\s+boot\s+dev\s+docker-entrypoint\.d\s/)
    node(`curl -s $(kubectl get pod nginx -o jsonpath={.status.podIP})`)
    expect(node(`crictl logs --tail=1 ${id}`)).toMatch(/^10\.244\.\d\.\d+ - - \[\S+ \+0000\] "GET \/ HTTP\/1\.1" 200 615 "-" "curl\/\S+" "-"\n$/)
    // the kubelet starts again what is stopped behind its back
    expect(node(`crictl stop ${id}`)).toBe(`${id}\n`)
    expect(type(lab, `sleep 5; hop node ${name} -- crictl ps -a --name nginx`)).toMatch(/ Running +nginx +1 [^]* Exited +nginx +0 /)
  })
})
