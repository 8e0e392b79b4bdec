import { describe, expect, it } from 'vitest'
import { DNS_AUTOSCALER } from './guides-dns.samples.ts'
import { house, type House } from './house.samples.ts'

/** What kubernetes.io says about the cluster's DNS, typed as it stands there and held against the pages' own outputs. */
const type = (lab: House, script: string): string => lab.run(script).output
const DNSUTILS = "kubectl apply -f - <<'EOF'\napiVersion: v1\nkind: Pod\nmetadata:\n  name: dnsutils\n  namespace: default\nspec:\n  containers:\n  - name: dnsutils\n    image: registry.k8s.io/e2e-test-images/agnhost:2.39\n    imagePullPolicy: IfNotPresent\n  restartPolicy: Always\nEOF\n"
const lookUp = (name: string): string => `kubectl exec dnsutils -- nslookup ${name}`
const found = (name: string, address: string): string => `Server:\t\t10.96.0.10\nAddress:\t10.96.0.10#53\n\nName:\t${name}\nAddress: ${address}\n\n`

describe('"Debugging DNS Resolution"', () => {
  it('goes from the Pod’s resolv.conf over Pods, logs, Service and endpoints to the queries themselves', () => {
    const lab = house({})
    expect(type(lab, `${DNSUTILS}sleep 5; kubectl get pods dnsutils`)).toBe('pod/dnsutils created\nNAME       READY   STATUS    RESTARTS   AGE\ndnsutils   1/1     Running   0          5s\n')
    expect(type(lab, lookUp('kubernetes.default'))).toBe(found('kubernetes.default.svc.cluster.local', '10.96.0.1'))
    expect(type(lab, 'kubectl exec dnsutils -- cat /etc/resolv.conf')).toBe('search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n')
    expect(type(lab, 'kubectl get pods --namespace=kube-system -l k8s-app=kube-dns')).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE\n(coredns-\w+-\w+ +1\/1 +Running +0 +\d+s\n){2}$/)
    const logs = 'kubectl logs --namespace=kube-system -l k8s-app=kube-dns'
    expect(type(lab, logs)).toMatch(/^(\.:53\n\[INFO\] plugin\/reload: Running configuration SHA512 = [0-9a-f]{128}\nCoreDNS-1\.12\.0\nlinux\/amd64, go1\.[\d.]+, [0-9a-f]+\n){2}$/)
    expect(type(lab, 'kubectl get svc --namespace=kube-system')).toMatch(/^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\nkube-dns +ClusterIP +10\.96\.0\.10 +<none> +53\/UDP,53\/TCP,9153\/TCP +\d+s\n$/)
    expect(type(lab, 'kubectl get endpointslices -l kubernetes.io/service-name=kube-dns --namespace=kube-system')).toMatch(/^NAME +ADDRESSTYPE +PORTS +ENDPOINTS +AGE\nkube-dns-\w+ +IPv4 +[\d,]+ +10\.244\.\d\.\d+,10\.244\.\d\.\d+ +\d+s\n$/)

    type(lab, "kubectl -n kube-system get configmap coredns -o yaml | sed 's/^\\( *\\)errors/\\1log\\n\\1errors/' | kubectl replace -f -; sleep 120")
    type(lab, `${lookUp('kubernetes.default')}; ${lookUp('nowhere')}`)
    const said = type(lab, `${logs} --tail=20`)
    expect(said).toContain('[INFO] Reloading complete\n')
    const client = type(lab, "kubectl get pod dnsutils -o jsonpath='{.status.podIP}'")
    expect(said).toMatch(new RegExp(`^\\[INFO\\] ${client}:\\d+ - \\d+ "A IN kubernetes\\.default\\.svc\\.cluster\\.local\\. udp 54 false 512" NOERROR qr,aa,rd 106 [\\d.]+s$`, 'm'))
    // the search list, one after the other, and at last the name as it is
    expect(Array.from(said.matchAll(/"A IN (nowhere\S*) /g), (m) => m[1]).sort()).toEqual(['nowhere.', 'nowhere.cluster.local.', 'nowhere.default.svc.cluster.local.', 'nowhere.svc.cluster.local.'])
    expect(type(lab, 'kubectl describe clusterrole system:coredns -n kube-system')).toMatch(/PolicyRule:\n +Resources +Non-Resource URLs +Resource Names +Verbs\n +-+ +-+ +-+ +-+\n( +\S+ +\[\] +\[\] +\[list watch\]\n){5}$/)

    type(lab, 'kubectl -n kube-system scale deploy coredns --replicas=0; sleep 40')
    expect(lab.run(lookUp('kubernetes.default'))).toEqual({ code: 1, output: `${';; communications error to 10.96.0.10#53: connection refused\n'.repeat(3)};; no servers could be reached\n\ncommand terminated with exit code 1\n` })
  })
})

describe('"Customizing DNS Service"', () => {
  const corefile = (stub: string): string => `.:53 {
        errors
        health {
           lameduck 5s
        }
        ready
        kubernetes cluster.local in-addr.arpa ip6.arpa {
           pods insecure
           fallthrough in-addr.arpa ip6.arpa
        }
        prometheus :9153
        forward . /etc/resolv.conf
        cache 30
        loop
        reload
        loadbalance
    }
    consul.local:53 {
        errors
        cache 30
        forward . ${stub}
    }`

  it('asks a server of one’s own for consul.local, and the nodes’ for the rest', () => {
    const lab = house({})
    type(lab, `${DNSUTILS}kubectl create configmap consul --from-literal=Corefile='consul.local {
      hosts {
        10.9.8.7 web.consul.local
      }
      log
    }'; kubectl apply -f - <<'EOF'\napiVersion: v1\nkind: Pod\nmetadata: {name: consul}\nspec:\n  containers: [{name: coredns, image: 'coredns/coredns:1.12.0', args: [-conf, /etc/coredns/Corefile], volumeMounts: [{name: c, mountPath: /etc/coredns}]}]\n  volumes: [{name: c, configMap: {name: consul}}]\nEOF`)
    expect(type(lab, 'kubectl wait --for=condition=Ready pod --all --timeout=60s')).toBe('pod/consul condition met\npod/dnsutils condition met\n')
    expect(lab.run(lookUp('web.consul.local')).output).toContain("** server can't find web.consul.local: NXDOMAIN\n")
    const server = type(lab, "kubectl get pod consul -o jsonpath='{.status.podIP}'")
    type(lab, `kubectl -n kube-system create configmap coredns --from-literal=Corefile='${corefile(server)}' --dry-run=client -o yaml | kubectl replace -f -; sleep 120`)
    expect(type(lab, lookUp('web.consul.local'))).toContain('Name:\tweb.consul.local\nAddress: 10.9.8.7\n')
    expect(type(lab, 'kubectl logs consul')).toMatch(/^\[INFO\] 10\.244\.\d\.\d+:\d+ - \d+ "A IN web\.consul\.local\. udp \d+ false \d+" NOERROR qr,aa,rd \d+ [\d.]+s$/m)
    expect(type(lab, lookUp('kubernetes.default'))).toBe(found('kubernetes.default.svc.cluster.local', '10.96.0.1'))
    expect(type(lab, 'kubectl -n kube-system get pods -l k8s-app=kube-dns')).toMatch(/(1\/1 +Running[^]*){2}/)
  })

  it('a Corefile that cannot be read leaves the one before in force, and its log says which line', () => {
    const lab = house({})
    type(lab, `${DNSUTILS}kubectl -n kube-system create configmap coredns --from-literal=Corefile='.:53 {\n  foo\n}' --dry-run=client -o yaml | kubectl replace -f -; sleep 120`)
    expect(type(lab, lookUp('kubernetes.default'))).toBe(found('kubernetes.default.svc.cluster.local', '10.96.0.1'))
    expect(type(lab, 'kubectl -n kube-system logs -l k8s-app=kube-dns --tail=20')).toMatch(/plugin\/reload: Corefile changed but reload failed: .*Unknown directive 'foo'/)
  })
})

describe('"Autoscale the DNS Service in a Cluster"', () => {
  it('counts its replicas by nodes and cores, and follows what is written in its ConfigMap', () => {
    const lab = house({})
    expect(type(lab, 'kubectl get deployment -l k8s-app=kube-dns --namespace=kube-system')).toMatch(/\ncoredns +2\/2 +2 +2 +\d+s\n$/)
    expect(type(lab, `cat <<'EOF' > dns-horizontal-autoscaler.yaml\n${DNS_AUTOSCALER}EOF\nsed -i 's,<SCALE_TARGET>,Deployment/coredns,' dns-horizontal-autoscaler.yaml; kubectl apply -f dns-horizontal-autoscaler.yaml`)).toContain('deployment.apps/kube-dns-autoscaler created\n')
    expect(type(lab, 'sleep 20; kubectl get deployment --namespace=kube-system')).toMatch(/\ncoredns +2\/2 .*\nkube-dns-autoscaler +1\/1 +1 +1 +\d+s\n$/)
    expect(type(lab, 'kubectl get configmap --namespace=kube-system')).toMatch(/^kube-dns-autoscaler +1 +\d+s$/m)
    type(lab, `kubectl -n kube-system patch configmap kube-dns-autoscaler -p '{"data":{"linear":"{\\"coresPerReplica\\":256,\\"min\\":1,\\"nodesPerReplica\\":1}"}}'; sleep 20`)
    expect(type(lab, 'kubectl get deployment coredns --namespace=kube-system --no-headers'), 'max(ceil(12/256), ceil(3/1))').toMatch(/^coredns +3\/3 +3 +3 /)
    expect(type(lab, 'kubectl scale deployment --replicas=0 kube-dns-autoscaler --namespace=kube-system; sleep 3; kubectl get rs --namespace=kube-system')).toMatch(/^deployment\.apps\/kube-dns-autoscaler scaled\n[^]*^kube-dns-autoscaler-\w+ +0 +0 +0 +\d+s\n$/m)
    expect(type(lab, 'kubectl delete deployment kube-dns-autoscaler --namespace=kube-system')).toBe('deployment.apps "kube-dns-autoscaler" deleted\n')
  })
})
