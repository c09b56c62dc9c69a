"""Clients of hanlp_ner that wait for nothing: short good requests, one in twenty of them bad.

locust -f tests/load/locustfile.py --headless --users 32 --run-time 20s --host http://127.0.0.1:8080
"""

from locust import FastHttpUser, task

SENTENCES = ["我爱中国", "他在北京工作。", "米哈游成立于2011年,致力于为用户提供美好的产品。", "无"]


class Client(FastHttpUser):
    """Posts one sentence after the other."""

    sent = 0

    @task
    def ask(self) -> None:
        """A good request, or a bad one that must be refused."""
        self.sent += 1
        bad = self.sent % 20 == 0
        row = [None] if bad else [SENTENCES[self.sent % len(SENTENCES)]]
        body = {"dataframe_split": {"columns": ["text"], "data": [row]}}
        name = "refused" if bad else "answered"
        with self.client.post("/invocations", json=body, name=name, catch_response=True) as answer:
            if answer.status_code == (400 if bad else 200):
                answer.success()
            else:
                answer.failure(f"status {answer.status_code}")
