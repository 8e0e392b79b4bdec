import { describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** kubernetes.io's pages about workloads, typed as they stand there and held against the pages' own outputs. */
const type = (lab: House, script: string): string => lab.run(script).output
const apply = (manifest: object): string => `kubectl apply -f - <<'EOF'\n${JSON.stringify(manifest)}\nEOF\n`

describe('"Jobs"', () => {
  it('the Job of the page counts π to 2000 places', () => {
    const lab = house({})
    const pi = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'pi' }, spec: { template: { spec: { containers: [{ name: 'pi', image: 'perl:5.34.0', command: ['perl', '-Mbignum=bpi', '-wle', 'print bpi(2000)'] }], restartPolicy: 'Never' } }, backoffLimit: 4 } }
    expect(type(lab, apply(pi))).toBe('job.batch/pi created\n')
    expect(type(lab, 'kubectl wait --for=condition=Complete job/pi --timeout=60s')).toBe('job.batch/pi condition met\n')
    expect(type(lab, 'kubectl describe job pi')).toMatch(/\nPods Statuses: +0 Active \(0 Ready\) \/ 1 Succeeded \/ 0 Failed\n[^]*Normal +SuccessfulCreate +\d+s +job-controller +Created pod: (pi-\w{5})\n +Normal +Completed +\d+s +job-controller +Job completed\n$/)
    expect(type(lab, "pods=$(kubectl get pods --selector=batch.kubernetes.io/job-name=pi --output=jsonpath='{.items[*].metadata.name}'); echo $pods")).toMatch(/^pi-\w{5}\n$/)
    const said = type(lab, 'kubectl logs $pods 2>/dev/null || kubectl logs jobs/pi')
    expect(said).toMatch(/^3\.14159265358979323846264338327950288419716939937510\d{1949}\n$/)
  })
})

describe('"DaemonSet" and "Perform a Rolling Update on a DaemonSet"', () => {
  it('fluentd runs on each node, the control plane among them, and is replaced one by one', () => {
    const lab = house({})
    const set = {
      apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'fluentd-elasticsearch', namespace: 'kube-system', labels: { 'k8s-app': 'fluentd-logging' } },
      spec: {
        selector: { matchLabels: { name: 'fluentd-elasticsearch' } }, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
        template: {
          metadata: { labels: { name: 'fluentd-elasticsearch' } },
          spec: {
            tolerations: [{ key: 'node-role.kubernetes.io/control-plane', operator: 'Exists', effect: 'NoSchedule' }],
            containers: [{ name: 'fluentd-elasticsearch', image: 'quay.io/fluentd_elasticsearch/fluentd:v5.0.1', volumeMounts: [{ name: 'varlog', mountPath: '/var/log' }] }],
            terminationGracePeriodSeconds: 30, volumes: [{ name: 'varlog', hostPath: { path: '/var/log' } }],
          },
        },
      },
    }
    type(lab, apply(set))
    expect(type(lab, 'sleep 20; kubectl get ds fluentd-elasticsearch -n kube-system --no-headers')).toMatch(/^fluentd-elasticsearch +3 +3 +3 +3 +3 +<none> +20s\n$/)
    expect(type(lab, 'kubectl logs -n kube-system ds/fluentd-elasticsearch 2>/dev/null')).toMatch(/parsing config file is succeeded path="\/etc\/fluent\/fluent\.conf"\n[^]*fluentd worker is now running worker=0\n$/)
    expect(type(lab, "kubectl get ds/fluentd-elasticsearch -o go-template='{{.spec.updateStrategy.type}}{{\"\\n\"}}' -n kube-system")).toBe('RollingUpdate\n')
    expect(type(lab, 'kubectl set image ds/fluentd-elasticsearch fluentd-elasticsearch=quay.io/fluentd_elasticsearch/fluentd:v2.6.0 -n kube-system')).toBe('daemonset.apps/fluentd-elasticsearch image updated\n')
    expect(type(lab, 'kubectl rollout status ds/fluentd-elasticsearch -n kube-system')).toMatch(/^Waiting for daemon set "fluentd-elasticsearch" rollout to finish: [01] out of 3 new pods have been updated\.\.\.\n[^]*daemon set "fluentd-elasticsearch" successfully rolled out\n$/)
    // what somebody mounts there is read: it has a source that nobody has written
    const mounted = `kubectl -n kube-system create configmap conf --from-literal=containers.conf='<source>
  @type tail
</source>'; kubectl -n kube-system patch ds fluentd-elasticsearch --type=json -p '[{"op":"add","path":"/spec/template/spec/volumes/-","value":{"name":"c","configMap":{"name":"conf"}}},{"op":"add","path":"/spec/template/spec/containers/0/volumeMounts/-","value":{"name":"c","mountPath":"/etc/fluent/config.d"}}]'; sleep 40`
    type(lab, mounted)
    expect(type(lab, "kubectl logs -n kube-system $(kubectl get pods -n kube-system | awk '/fluentd.*(Error|Crash)/{print $1; exit}')")).toBe("podhop: not simulated: fluentd's plugin tail (forward as a source is)\n")
  })
})

describe('"Configure Pod Initialization"', () => {
  it('an init container fetches the page of the first web site, which nginx then serves', () => {
    const lab = house({})
    const pod = {
      apiVersion: 'v1', kind: 'Pod', metadata: { name: 'init-demo' },
      spec: {
        containers: [{ name: 'nginx', image: 'nginx', ports: [{ containerPort: 80 }], volumeMounts: [{ name: 'workdir', mountPath: '/usr/share/nginx/html' }] }],
        initContainers: [{ name: 'install', image: 'busybox:1.28', command: ['wget', '-O', '/work-dir/index.html', 'http://info.cern.ch'], volumeMounts: [{ name: 'workdir', mountPath: '/work-dir' }] }],
        dnsPolicy: 'Default', volumes: [{ name: 'workdir', emptyDir: {} }],
      },
    }
    type(lab, `${apply(pod)}kubectl wait --for=condition=Ready pod/init-demo --timeout=60s`)
    expect(type(lab, 'kubectl get pod init-demo --no-headers')).toMatch(/^init-demo +1\/1 +Running +0 /)
    expect(type(lab, 'kubectl exec init-demo -- curl -s localhost')).toContain('<title>http://info.cern.ch</title>')
  })
})

describe('"Define Environment Variables for a Container"', () => {
  it('env of a shell that is not bash shows what the container was given, and no more', () => {
    const lab = house({})
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'envar-demo' }, spec: { restartPolicy: 'Never', enableServiceLinks: false, containers: [{ name: 'c', image: 'busybox:1.28', command: ['sh', '-c', 'env'], env: [{ name: 'DEMO_GREETING', value: 'Hello from the environment' }] }] } }
    type(lab, `${apply(pod)}sleep 5`)
    expect(type(lab, 'kubectl logs envar-demo | cut -d= -f1 | grep -v ^KUBERNETES | sort | xargs')).toBe('DEMO_GREETING HOME HOSTNAME PATH PWD SHLVL\n')
    expect(type(lab, 'kubectl run b --image=bash:5 -- sleep 1d; sleep 3; kubectl exec b -- bash -c env | grep ^_=')).toContain('_=/usr/bin/env\n')
  })
})

describe('"Configure Liveness, Readiness and Startup Probes"', () => {
  const etcd = (name: string, probe: object, more: string[] = []): object => ({
    apiVersion: 'v1', kind: 'Pod', metadata: { name },
    spec: { containers: [{ name: 'etcd', image: 'registry.k8s.io/etcd:3.5.1-0', command: ['/usr/local/bin/etcd', '--data-dir', '/var/lib/etcd', '--listen-client-urls', 'http://0.0.0.0:2379', '--advertise-client-urls', 'http://127.0.0.1:2379', '--log-level', 'debug', ...more], ports: [{ containerPort: 2379 }], livenessProbe: { initialDelaySeconds: 10, ...probe } }] },
  })

  it('etcd answers the gRPC probe; of another port it is said that it fails', () => {
    const lab = house({})
    type(lab, `${apply(etcd('etcd-with-grpc', { grpc: { port: 2379 } }))}${apply(etcd('astray', { grpc: { port: 2380 } }))}${apply(etcd('named', { grpc: { port: 2379, service: 'shop' } }))}sleep 60`)
    expect(type(lab, 'kubectl get pod etcd-with-grpc --no-headers')).toMatch(/^etcd-with-grpc +1\/1 +Running +0 +60s\n$/)
    expect(type(lab, 'kubectl describe pod etcd-with-grpc | grep -c Unhealthy')).toBe('0\n')
    expect(type(lab, 'kubectl describe pod astray | grep Unhealthy')).toMatch(/Warning +Unhealthy .* Liveness probe failed: timeout: failed to connect service "10\.244\.\d\.\d+:2380" within 1s: context deadline exceeded\n$/)
    expect(type(lab, 'kubectl describe pod named | grep Unhealthy')).toContain('health rpc probe failed: rpc error: code = NotFound desc = unknown service\n')
    expect(type(lab, 'kubectl logs etcd-with-grpc')).toMatch(/"msg":"Running: ","args":\["\/usr\/local\/bin\/etcd",.*\n.*"msg":"ready to serve client requests"}\n.*"address":"\[::\]:2379"}\n$/)
    expect(type(lab, 'curl -s $(kubectl get pod etcd-with-grpc -o jsonpath={.status.podIP}):2379/health || kubectl run c -i --rm --restart=Never --image=curlimages/curl -- sh -c "sleep 1; curl -s $(kubectl get pod etcd-with-grpc -o jsonpath={.status.podIP}):2379/health" 2>/dev/null')).toContain('{"health":"true","reason":""}')
    expect(lab.run('kubectl exec etcd-with-grpc -- etcdctl get /')).toEqual({ code: 69, output: expect.stringMatching(/^podhop: not simulated: keys of an etcd that is not the cluster’s \(.*\)\ncommand terminated with exit code 69\n$/) })
    type(lab, `${apply(etcd('odd', { grpc: { port: 2379 } }, ['--cors', '*']))}sleep 5`)
    expect(type(lab, 'kubectl logs odd')).toBe('podhop: not simulated: etcd in a Pod of one’s own with --cors (without it)\n')
  })
})

describe('"Logging Architecture" and "Adopting Sidecar Containers"', () => {
  const counter = {
    apiVersion: 'v1', kind: 'Pod', metadata: { name: 'counter' },
    spec: {
      containers: [
        { name: 'count', image: 'busybox:1.28', args: ['/bin/sh', '-c', 'i=0; while true; do echo "$i: $(date)" >> /var/log/1.log; echo "$(date) INFO $i" >> /var/log/2.log; i=$((i+1)); sleep 1; done'], volumeMounts: [{ name: 'varlog', mountPath: '/var/log' }] },
        { name: 'count-log-1', image: 'busybox:1.28', args: ['/bin/sh', '-c', 'tail -n+1 -F /var/log/1.log'], volumeMounts: [{ name: 'varlog', mountPath: '/var/log' }] },
        { name: 'count-log-2', image: 'debian', args: ['/bin/sh', '-c', 'tail -n+1 -F /logs/2.log'], volumeMounts: [{ name: 'varlog', mountPath: '/logs' }] },
      ],
      volumes: [{ name: 'varlog', emptyDir: {} }],
    },
  }

  it('a container streams what another one writes into a volume of both, as it is written', () => {
    const lab = house({})
    type(lab, `${apply(counter)}sleep 20`)
    expect(type(lab, 'kubectl logs counter count-log-1 | grep -v ^tail: | head -5')).toMatch(/^0: Mon Jan +5 08:00:0\d UTC 2026\n1: .*\n2: .*\n3: .*\n4: .*\n$/)
    expect(type(lab, 'kubectl logs counter count-log-2 | grep -c INFO')).toMatch(/^(1[5-9]|20)\n$/)
    // a file that is replaced is followed by its name
    expect(type(lab, 'kubectl exec counter -c count -- mv /var/log/2.log /var/log/2.old; sleep 3; kubectl logs counter count-log-2 | grep ^tail:')).toMatch(/tail: '\/logs\/2\.log' has become inaccessible: No such file or directory\ntail: '\/logs\/2\.log' has appeared;  following new file\n$/)
    expect(type(lab, 'kubectl logs counter count-log-2 | tail -1')).toMatch(/INFO 2\d\n$/)
  })

  it('a sidecar that comes first waits for the file', () => {
    const lab = house({})
    const shipper = {
      apiVersion: 'v1', kind: 'Pod', metadata: { name: 'myapp' },
      spec: {
        containers: [{ name: 'myapp', image: 'alpine:latest', command: ['sh', '-c', 'while true; do echo "logging" >> /opt/logs.txt; sleep 1; done'], volumeMounts: [{ name: 'data', mountPath: '/opt' }] }],
        initContainers: [{ name: 'logshipper', image: 'alpine:latest', restartPolicy: 'Always', command: ['sh', '-c', 'tail -F /opt/logs.txt'], volumeMounts: [{ name: 'data', mountPath: '/opt' }] }],
        volumes: [{ name: 'data', emptyDir: {} }],
      },
    }
    type(lab, `${apply(shipper)}sleep 10`)
    expect(type(lab, 'kubectl logs myapp -c logshipper | head -4')).toBe("tail: can't open '/opt/logs.txt': No such file or directory\ntail: /opt/logs.txt has appeared; following end of new file\nlogging\nlogging\n")
  })
})
