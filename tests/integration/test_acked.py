"""A producer that waits for Kafka's word tells of each call what became of that call's records alone."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from outages.link import Link, Way
from stream_reconcile.core.errors import KafkaUnreachable
from stream_reconcile.log.acked import AckedProducer, Outgoing
from stream_reconcile.log.connection import KafkaConfig


def test_records_that_were_given_up_are_not_counted_again(kafka: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}.acked"
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    with Link(int(kafka.rpartition(":")[2]), kafka=True) as link:
        producer = AckedProducer(KafkaConfig(f"127.0.0.1:{link.port}"), limit_s=2.0)
        try:
            assert producer.send_all([Outgoing(topic, b"k", b"0")]) == 1
            link.hold(*Way)
            for records in ([b"1", b"2"], [b"3"]):  # of which the first are still on the way when the next come
                with pytest.raises(KafkaUnreachable, match=f"did not take {len(records)} of {len(records)} records"):
                    producer.send_all(Outgoing(topic, b"k", value) for value in records)
            link.heal()
            assert producer.send_all([Outgoing(topic, b"k", b"4")]) == 1
        finally:
            producer.close()
