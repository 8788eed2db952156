/* The least that copies records exactly once: librdkafka alone, no decoding, no counting. For benchmarks/peers.
 *
 *   copy BOOTSTRAP GROUP INPUT OUTPUT PARTITIONS
 *
 * Takes what has come, up to BATCH records, writes it in one transaction with the input's offsets, and so on until it
 * is killed. Any error ends it: it is measured only where nothing fails. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 10000, WAIT_MS = 50, PATIENCE_MS = 30000 };

static char said[512];

static void refuse(const char *doing, const char *why) {
    fprintf(stderr, "copy: %s: %s\n", doing, why);
    exit(1);
}

static void require(rd_kafka_error_t *problem, const char *doing) {
    if (problem)
        refuse(doing, rd_kafka_error_string(problem));
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    if (rd_kafka_conf_set(conf, name, value, said, sizeof said) != RD_KAFKA_CONF_OK)
        refuse(name, said);
}

static rd_kafka_t *consumer(const char *bootstrap, const char *group) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "group.id", group);
    set(conf, "enable.auto.commit", "false");
    set(conf, "auto.offset.reset", "earliest");
    /* As the pool's workers have it, so that the copy is not held up by its queue. */
    set(conf, "queued.max.messages.kbytes", "32768");
    set(conf, "queued.min.messages", "20000");
    set(conf, "fetch.queue.backoff.ms", "10");
    rd_kafka_t *made = rd_kafka_new(RD_KAFKA_CONSUMER, conf, said, sizeof said);
    if (!made)
        refuse("making a consumer", said);
    rd_kafka_poll_set_consumer(made);
    return made;
}

static rd_kafka_t *producer(const char *bootstrap, const char *group) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "transactional.id", group);
    set(conf, "compression.type", "lz4");
    set(conf, "linger.ms", "5");
    set(conf, "retry.backoff.ms", "10"); /* with the default of 100, transactions in a row take 99 ms instead of 12 */
    set(conf, "queue.buffering.max.messages", "200000");
    rd_kafka_t *made = rd_kafka_new(RD_KAFKA_PRODUCER, conf, said, sizeof said);
    if (!made)
        refuse("making a producer", said);
    require(rd_kafka_init_transactions(made, PATIENCE_MS), "beginning");
    return made;
}

static void assign(rd_kafka_t *from, const char *topic, int partitions) {
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(partitions);
    for (int partition = 0; partition < partitions; partition++)
        rd_kafka_topic_partition_list_add(all, topic, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t problem = rd_kafka_assign(from, all);
    if (problem)
        refuse("assigning", rd_kafka_err2str(problem));
    rd_kafka_topic_partition_list_destroy(all);
}

/* Fill `copies` with what is to be written, and note behind the last of each partition in `ends`. */
static void prepare(rd_kafka_message_t **records, rd_kafka_message_t *copies, ssize_t count, const char *topic,
                    rd_kafka_topic_partition_list_t *ends) {
    for (ssize_t i = 0; i < count; i++) {
        rd_kafka_message_t *record = records[i];
        if (record->err)
            refuse("reading", rd_kafka_message_errstr(record));
        copies[i] = (rd_kafka_message_t){.partition = record->partition, .payload = record->payload,
                                         .len = record->len, .key = record->key, .key_len = record->key_len};
        rd_kafka_topic_partition_t *end = rd_kafka_topic_partition_list_find(ends, topic, record->partition);
        if (!end)
            end = rd_kafka_topic_partition_list_add(ends, topic, record->partition);
        end->offset = record->offset + 1;
    }
}

static void write_all(rd_kafka_t *to, rd_kafka_topic_t *topic, rd_kafka_message_t *copies, ssize_t count,
                      rd_kafka_topic_partition_list_t *ends, rd_kafka_t *from) {
    require(rd_kafka_begin_transaction(to), "beginning a transaction");
    int flags = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_PARTITION;
    if (rd_kafka_produce_batch(topic, RD_KAFKA_PARTITION_UA, flags, copies, (int)count) != count)
        refuse("writing", "the queue is full");
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(from);
    require(rd_kafka_send_offsets_to_transaction(to, ends, group, PATIENCE_MS), "sending offsets");
    rd_kafka_consumer_group_metadata_destroy(group);
    require(rd_kafka_commit_transaction(to, PATIENCE_MS), "committing");
}

int main(int count, char **given) {
    static rd_kafka_message_t *records[BATCH], copies[BATCH];
    if (count != 6)
        refuse("usage", "copy BOOTSTRAP GROUP INPUT OUTPUT PARTITIONS");
    rd_kafka_t *from = consumer(given[1], given[2]), *to = producer(given[1], given[2]);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(to, given[4], NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(from);
    int partitions = atoi(given[5]);
    assign(from, given[3], partitions);
    for (;;) {
        ssize_t come = rd_kafka_consume_batch_queue(queue, WAIT_MS, records, BATCH);
        if (come <= 0)
            continue;
        rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_new(partitions);
        prepare(records, copies, come, given[3], ends);
        write_all(to, topic, copies, come, ends, from);
        rd_kafka_topic_partition_list_destroy(ends);
        for (ssize_t i = 0; i < come; i++)
            rd_kafka_message_destroy(records[i]);
    }
}
