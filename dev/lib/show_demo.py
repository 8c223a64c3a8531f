#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""show_demo.py ID: runs the demo on a cluster that is up and prints what a user would type."""

import sys

import demo
from cluster import Cluster, ClusterError


def show(cluster, *arguments):
    print("$ kubectl " + " ".join(arguments))
    print(cluster.kubectl(*arguments).stdout, flush=True)


def main():
    cluster = Cluster(sys.argv[1])
    try:
        print(f"$ kubectl create deployment web --image={demo.WEB} --replicas=4; "
              "kubectl expose deployment web --type=NodePort --port=80 --target-port=8080", flush=True)
        demo.deploy_web(cluster)
        show(cluster, "get", "nodes", "-o", "wide")
        show(cluster, "get", "pods,services", "-o", "wide")
        print("400 connections from a pod to the Service's ClusterIP:")
        for name, count in sorted(demo.ask_cluster_ip(cluster, 400).items()):
            print(f"  {name}  {count}")
        answers = demo.ask_node_port(cluster, cluster.nodes[0])
        print(f"one to the NodePort from outside the nodes:\n  {next(iter(answers))}\n")
    except ClusterError as error:
        sys.exit(f"demo: {error}")
    print(f"export KUBECONFIG={cluster.kubeconfig}\nkubectl get pods -A\n\ndev/down ends the cluster.")


if __name__ == "__main__":
    main()
